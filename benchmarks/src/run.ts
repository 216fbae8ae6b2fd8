/**
 * `npm run bench` lists the benchmarks, `npm run bench -- NAME [--rounds N] [--scale X] [--json]` runs one, `all` runs all.
 * `ad-analytics` takes `--parallelism N`, `recovery` takes `--state-mb N`.
 * Missed targets are shown; they do not fail the run: machines differ, and a figure is for reading.
 */
import os from 'node:os';
import process from 'node:process';
import { parseArgs } from 'node:util';
import type { Benchmark, BenchmarkReport, Figure } from './benchmark.ts';
import { BENCHMARKS } from './benchmarks.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '7' },
    scale: { type: 'string', default: '1' },
    parallelism: { type: 'string', default: '2' },
    'state-mb': { type: 'string', default: '20' },
  },
});

const [name] = positionals;
if (name === undefined) {
  const width = Math.max(...BENCHMARKS.map((b) => b.name.length));
  console.log('Benchmarks (npm run bench -- NAME [--rounds N] [--scale X] [--json]; all runs all):\n');
  for (const benchmark of BENCHMARKS) console.log(`  ${benchmark.name.padEnd(width)}  ${benchmark.description}`);
} else {
  const chosen = name === 'all' ? BENCHMARKS : BENCHMARKS.filter((b) => b.name === name);
  if (chosen.length === 0) {
    console.error(`There is no benchmark '${name}'. Known: ${BENCHMARKS.map((b) => b.name).join(', ')}.`);
    process.exitCode = 1;
  }
  const reports: BenchmarkReport[] = [];
  for (const benchmark of chosen) reports.push(await run(benchmark));
  if (values.json) {
    const machine = {
      cpu: os.cpus()[0]?.model,
      cores: os.cpus().length,
      node: process.version,
      platform: `${os.platform()} ${os.arch()}`,
    };
    console.log(JSON.stringify({ machine, reports }, undefined, 2));
  }
}

async function run(benchmark: Benchmark): Promise<BenchmarkReport> {
  const report = await benchmark.run({
    rounds: Number(values.rounds),
    scale: Number(values.scale),
    parallelism: Number(values.parallelism),
    stateMegabytes: Number(values['state-mb']),
  });
  if (!values.json) print(report);
  return report;
}

function print(report: BenchmarkReport): void {
  console.log(`\n${report.name}`);
  for (const [title, comparison] of Object.entries(report.comparisons)) {
    console.log(`  ${title}  (result ${comparison.checksum})`);
    for (const m of comparison.measurements) {
      console.log(`    ${m.name.padEnd(32)} ${rate(m.perSecond).padStart(9)}/s   (${rate(m.worst)} … ${rate(m.best)})`);
    }
  }
  for (const figure of report.figures) console.log(`  ${figureLine(figure)}`);
}

function figureLine({ name, value, target, unit = '' }: Figure): string {
  const shown = `${name} = ${value.toFixed(2)}${unit === '' ? '' : ` ${unit}`}`;
  if (target === undefined) return shown;
  const wanted = [target.min === undefined ? '' : `≥ ${target.min}`, target.max === undefined ? '' : `≤ ${target.max}`].join('');
  const met = value >= (target.min ?? -Infinity) && value <= (target.max ?? Infinity);
  return `${shown}   target ${wanted}: ${met ? 'met' : 'MISSED'}`;
}

function rate(perSecond: number): string {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)} M`;
  if (perSecond >= 1e3) return `${(perSecond / 1e3).toFixed(1)} k`;
  return perSecond.toFixed(2);
}
