/**
 * How long it takes from nothing to the first output: a process that runs the README's program, and one that only imports
 * the package, beside one that does nothing. All from compiled code in a folder of its own, as a user has it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { runnableBlocks } from '../../scripts/readme-blocks.ts';
import { median } from './alternate.ts';
import type { Benchmark } from './benchmark.ts';

const ROOT = join(import.meta.dirname, '../..');
const IMPORT = `const start = performance.now(); await import('millrace'); console.log(performance.now() - start);`;

export const start: Benchmark = {
  name: 'start',
  description: "process start to first output of the README's program, and import of the package, from compiled code",
  async run({ rounds, scale }) {
    const spawns = Math.max(2, Math.round(Math.max(rounds, 10) * Math.min(scale, 1)));
    const folder = mkdtempSync(join(tmpdir(), 'millrace-start-'));
    try {
      install(folder);
      const firstProgram = runnableBlocks(readFileSync(join(ROOT, 'README.md'), 'utf8'))[0];
      writeFileSync(join(folder, 'job.ts'), firstProgram?.code ?? '');
      writeFileSync(join(folder, 'import.js'), IMPORT);
      const times = { bare: [] as number[], job: [] as number[], import: [] as number[] };
      for (let round = -1; round < spawns; round++) {
        const bare = await firstOutput(folder, ['--eval', 'console.log(0)']);
        const job = await firstOutput(folder, ['job.ts']);
        const imported = await firstOutput(folder, ['import.js']);
        if (round < 0) continue;
        times.bare.push(bare.tookMs);
        times.job.push(job.tookMs);
        times.import.push(Number(imported.text));
      }
      const medianOf = (all: number[]): number => median(all.sort((a, b) => a - b));
      return {
        name: 'start',
        comparisons: {},
        figures: [
          { name: 'process that prints 0', value: medianOf(times.bare), unit: 'ms' },
          { name: 'process start to first output', value: medianOf(times.job), unit: 'ms', target: { max: 300 } },
          { name: "import of 'millrace'", value: medianOf(times.import), unit: 'ms', target: { max: 80 } },
        ],
      };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** Builds the package into `folder`/node_modules, with links to what it depends on. */
function install(folder: string): void {
  const installed = join(folder, 'node_modules', 'millrace');
  mkdirSync(installed, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  writeFileSync(join(installed, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const name of Object.keys(manifest.dependencies)) {
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name), 'junction');
  }
  const built = spawnSync(process.execPath, [join(ROOT, 'scripts', 'bundle.ts'), join(installed, 'dist')]);
  if (built.status !== 0) throw new Error(`the package does not build:\n${built.stdout}${built.stderr}`);
}

/** Waits for the process to end, but takes the time at its first output. */
function firstOutput(cwd: string, args: readonly string[]): Promise<{ tookMs: number; text: string }> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    let tookMs = Number.NaN;
    let text = '';
    const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      if (text === '') tookMs = performance.now() - startMs;
      text += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0 && text !== '') resolve({ tookMs, text });
      else reject(new Error(`node ${args.join(' ')} ended with ${code} and printed ${JSON.stringify(text)}`));
    });
  });
}
