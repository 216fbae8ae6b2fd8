/** Runs a program of this folder in a process of its own, as users run theirs, and takes the line of JSON that it prints. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

export function startProgram(name: string, args: readonly (string | number)[]) {
  const file = fileURLToPath(new URL(name, import.meta.url));
  const child = spawn(process.execPath, ['--conditions=millrace-source', file, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.setEncoding('utf8');
  return child;
}

/** @throws Error if it ends with another exit code than 0 */
export async function runProgram<T>(name: string, args: readonly (string | number)[]): Promise<T> {
  const child = startProgram(name, args);
  let text = '';
  child.stdout.on('data', (chunk: string) => (text += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${code} and printed ${JSON.stringify(text)}`);
  return JSON.parse(text) as T;
}

/** A folder that is there while `work` runs. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
