/** A job that generates its input and writes into files. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CrashScenario } from './scenario.ts';

const OUTPUTS = ['per-kind', 'sessions'] as const;

export const fileScenario: CrashScenario = {
  job: fileURLToPath(new URL('file-job.ts', import.meta.url)),
  events: 30_000,
  eventsPerSecond: 6_000,
  async place(_name, folder) {
    return { words: [], rows: async () => Object.fromEntries(OUTPUTS.map((output) => [output, rowsOf(join(folder, output))])) };
  },
};

/** What a reader sees that ignores hidden files, sorted. */
function rowsOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/^[._]/.test(entry.name))
    .flatMap((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .sort();
}
