/**
 * `npm run peers -- yahoo [--only flink,millrace] [--rounds 3] [--events N] [--quick] [--json]`: measures stream processors beside each other
 * on this machine. What is measured, and how to read it, is in README.md beside this file.
 */
import os from 'node:os';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { CONTESTANTS } from './contestants.ts';
import { report } from './report.ts';
import { runYahoo } from './yahoo/yahoo.ts';

const USAGE = `npm run peers -- yahoo [options]

  --only NAMES     contestants, with commas: ${CONTESTANTS.map(({ name }) => name).join(', ')}
  --rounds N       3
  --events N       in the full topic; 10000000
  --spacing-ms X   of event time between two of them; 10, as in the original's set-up mode
  --rates LIST     events a second at which latencies are measured; 50000,100000,170000; 0 for none
  --warmup N       seconds at the full rate before latencies count; 20
  --seconds N      seconds in which they count; 60
  --heap-mb N      for every contestant; 1024
  --checkpoint-ms  1000
  --quick          200,000 events, one round, 20,000 events/s for 20 s
  --json           the outcomes as JSON on standard output
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    rounds: { type: 'string' },
    events: { type: 'string' },
    'spacing-ms': { type: 'string', default: '10' },
    rates: { type: 'string' },
    warmup: { type: 'string' },
    seconds: { type: 'string' },
    'heap-mb': { type: 'string', default: '1024' },
    'checkpoint-ms': { type: 'string', default: '1000' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

if (positionals.length !== 1 || positionals[0] !== 'yahoo') {
  console.error(USAGE);
  process.exit(1);
}
if (process.platform !== 'linux') {
  console.error('Processor time and memory are read from /proc: this runs on Linux only.');
  process.exit(1);
}
const names = values.only?.split(',') ?? CONTESTANTS.map(({ name }) => name);
const unknown = names.filter((name) => CONTESTANTS.every((contestant) => contestant.name !== name));
if (unknown.length > 0) {
  console.error(`There is no contestant ${unknown.join(', ')}.\n\n${USAGE}`);
  process.exit(1);
}

const defaults = values.quick
  ? { events: '200000', rounds: '1', rates: '20000', warmup: '10', seconds: '20' }
  : { events: '10000000', rounds: '3', rates: '50000,100000,170000', warmup: '20', seconds: '60' };
const chosen = CONTESTANTS.filter(({ name }) => names.includes(name));
const options = {
  events: Number(values.events ?? defaults.events),
  spacingMs: Number(values['spacing-ms']),
  rounds: Number(values.rounds ?? defaults.rounds),
  rates: (values.rates ?? defaults.rates).split(',').map(Number).filter(Boolean),
  slowSeconds: 10,
  warmupSeconds: Number(values.warmup ?? defaults.warmup),
  seconds: Number(values.seconds ?? defaults.seconds),
  heapMb: Number(values['heap-mb']),
  checkpointMs: Number(values['checkpoint-ms']),
};
const outcomes = await runYahoo(chosen, { ...options, log: (line) => console.error(line) });
if (values.json) {
  const machine = { cpu: os.cpus()[0]?.model, cores: os.cpus().length, memoryGb: os.totalmem() / 1e9, node: process.version };
  console.log(JSON.stringify({ machine, options, outcomes }, undefined, 2));
} else {
  console.log(report(outcomes));
}
