/**
 * Runs jobs whose state is larger than the memory of their process, each killed once on the way, and checks their results.
 *
 * Usage: `npm run test:large-state -- --state-gb N --memory-gb M [--only NAME,…] [--json]`
 *
 * A job fails if its result is wrong, or if its process took more memory than it was given.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { runScenario, type ScenarioOutcome } from './run-scenario.ts';
import { SCENARIO_NAMES, type ScenarioName } from './scenarios.ts';

const GIB = 2 ** 30;
/** Checkpoints in so much time, at 1 GB of state: as many at every size. */
const INTERVAL_MS_PER_GIB = 4_000;

const { values: options } = parseArgs({
  options: {
    'state-gb': { type: 'string', default: '0.25' },
    'memory-gb': { type: 'string', default: '0.25' },
    only: { type: 'string', default: SCENARIO_NAMES.join(',') },
    json: { type: 'boolean', default: false },
  },
});
const stateGib = Number(options['state-gb']);
const memoryGib = Number(options['memory-gb']);
const names = options.only.split(',') as ScenarioName[];
const unknown = names.find((name) => !SCENARIO_NAMES.includes(name));
if (unknown !== undefined || !(stateGib > 0 && memoryGib > 0)) {
  process.stderr.write(`--state-gb and --memory-gb must be numbers above 0, and --only some of ${SCENARIO_NAMES.join(', ')}.\n`);
  process.exit(2);
}

const base = mkdtempSync(join(tmpdir(), 'millrace-large-state-'));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));
process.on('exit', () => rmSync(base, { recursive: true, force: true }));
const outcomes: ScenarioOutcome[] = [];
for (const scenario of names) {
  const outcome = await runScenario({
    scenario,
    stateBytes: stateGib * GIB,
    memoryBytes: Math.floor(memoryGib * GIB),
    checkpointIntervalMs: Math.max(100, Math.round(stateGib * INTERVAL_MS_PER_GIB)),
    folder: join(base, scenario),
    killAfter: 0.5,
  });
  outcomes.push(outcome);
  if (!options.json) console.log(lineOf(outcome));
}
if (options.json) console.log(JSON.stringify({ stateGib, memoryGib, outcomes }));
process.exitCode = outcomes.every((outcome) => outcome.failure === undefined && isWithinMemory(outcome)) ? 0 : 1;

function isWithinMemory({ peakRssBytes }: ScenarioOutcome): boolean {
  return Math.max(...peakRssBytes) <= memoryGib * GIB;
}

function lineOf(outcome: ScenarioOutcome): string {
  const { scenario, keys, records, seconds, peakRssBytes, checkpoints, pauses, failure } = outcome;
  const memory = peakRssBytes.map((bytes) => Math.round(bytes / 2 ** 20)).join(' and ');
  return [
    `${scenario}: ${failure ?? 'RIGHT'}${isWithinMemory(outcome) ? '' : ', but TOO MUCH MEMORY'}`,
    `  ${keys} keys, ${records} records, ${seconds.toFixed(1)} s, ${Math.round(records / seconds)} records/s`,
    `  peak memory ${memory} MB of ${Math.round(memoryGib * 1024)}, ${checkpoints} checkpoints`,
    `  longest pause ${pauses?.longestMs.toFixed(1)} ms, at snapshots ${pauses?.longestAtSnapshotMs.toFixed(1)} ms`,
  ].join('\n');
}
