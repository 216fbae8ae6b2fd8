/**
 * How long a job is away when its process is killed: from SIGKILL to the first record that comes out of the process that goes on from
 * the newest checkpoint, by state backend. `--state-mb N` sets the size of the state.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { FileCheckpointStorage, newestCheckpoint } from '../../src/checkpoint/index.ts';
import { systemRandom } from '../../src/common/index.ts';
import { LocalFileSystem } from '../../src/filesystem/node.ts';
import { median } from './alternate.ts';
import type { Benchmark, Figure } from './benchmark.ts';
import { inFolder, startProgram } from './programs/child.ts';

const BACKENDS = ['hashmap', 'hashlog'] as const;

export const recovery: Benchmark = {
  name: 'recovery',
  description: 'from SIGKILL of a process to the first record of the one that goes on, by state backend (--state-mb N)',
  async run({ rounds, scale, stateMegabytes = 20 }) {
    const keys = Math.ceil(stateMegabytes * Math.min(scale * 10, 1) * 1024);
    const times: Record<string, number[]> = { hashmap: [], hashlog: [] };
    for (let round = 0; round < Math.min(rounds, 3); round++) {
      for (const backend of BACKENDS) times[backend]?.push(await inFolder((folder) => killedAndRestored(keys, backend, folder)));
    }
    const figures = BACKENDS.map((backend): Figure => {
      const sorted = [...(times[backend] ?? [])].sort((a, b) => a - b);
      return { name: `${backend}, ${(keys / 1024).toFixed(1)} MB: from kill to first record`, value: median(sorted), unit: 'ms' };
    });
    return { name: 'recovery', comparisons: {}, figures };
  },
};

async function killedAndRestored(keys: number, backend: string, folder: string): Promise<number> {
  const first = startProgram('recovery-job.ts', [keys, backend, folder]);
  let killedMs: number;
  try {
    await line(first, 'FULL');
    // The checkpoint that is under way may have begun before all was there; the next one has not.
    const wanted = ((await newest(folder))?.checkpointId ?? 0) + 2;
    while (((await newest(folder))?.checkpointId ?? 0) < wanted) await new Promise((resolve) => setTimeout(resolve, 20));
  } finally {
    killedMs = performance.now();
    await kill(first);
  }
  const second = startProgram('recovery-job.ts', [keys, backend, folder, (await newest(folder))?.externalPath ?? '']);
  try {
    const restored = await line(second, 'FIRST');
    const tookMs = performance.now() - killedMs;
    if (Number(restored.split(' ')[1]) < 2)
      throw new Error(`the first record after the restore is '${restored}': state was lost`);
    return tookMs;
  } finally {
    await kill(second);
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** The first line that begins so. @throws Error if the program ends before */
function line(child: ReturnType<typeof startProgram>, begin: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk: string) => {
      text += chunk;
      const found = text.split('\n').find((l) => l.startsWith(begin));
      if (found !== undefined) resolve(found);
    });
    child.on('exit', (code) => reject(new Error(`the program ended with ${code} before it said ${begin}`)));
  });
}

/** Of the one job whose checkpoints are in the folder, or of the latest that has any. */
async function newest(folder: string) {
  const fileSystem = new LocalFileSystem();
  const storage = new FileCheckpointStorage({ directory: join(folder, 'checkpoints') }, { fileSystem, random: systemRandom });
  const jobs = await fileSystem.list(join(folder, 'checkpoints')).catch(() => []);
  for (const { path } of jobs) {
    const checkpoint = await newestCheckpoint(path, storage, fileSystem).catch(() => undefined);
    if (checkpoint !== undefined) return checkpoint;
  }
  return undefined;
}
