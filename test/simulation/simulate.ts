/**
 * Runs the simulation: `npm run simulate -- --seeds 5000`, or `--seed 51 --seeds 1 --trace` to see what happens in one seed, event by
 * event. Ends with 1 if a seed has a violation, and says how to run it again.
 */
import { parseArgs } from 'node:util';
import { drawScenario } from './draw-scenario.ts';
import { type Outcome, runScenario } from './scenario.ts';

const { values } = parseArgs({
  options: {
    /** The first seed. */
    seed: { type: 'string', default: '1' },
    /** How many. */
    seeds: { type: 'string', default: '50' },
    json: { type: 'boolean', default: false },
    /** Prints every event. */
    trace: { type: 'boolean', default: false },
  },
});

const first = Number(values.seed);
const count = Number(values.seeds);
if (!(Number.isSafeInteger(first) && Number.isSafeInteger(count) && count >= 1)) {
  throw new TypeError(`--seed and --seeds must be whole numbers, --seeds at least 1; got ${values.seed} and ${values.seeds}.`);
}

const failures: ({ readonly seed: number } & Outcome)[] = [];
let events = 0;
let virtualMs = 0;
const startedMs = performance.now();
for (let seed = first; seed < first + count; seed++) {
  const trace = values.trace ? (event: string) => console.log(event) : undefined;
  const outcome = await runScenario(drawScenario(seed), trace ? { trace } : {});
  events += outcome.events;
  virtualMs += outcome.virtualMs;
  if (outcome.violation !== undefined) {
    failures.push({ seed, ...outcome });
    console.error(`Seed ${seed}: ${outcome.violation}`);
    console.error(`  Run it again: npm run simulate -- --seed ${seed} --seeds 1 --trace`);
  } else if (count === 1 && !values.json) console.log(`Seed ${seed}: right, event log ${outcome.hash}`);
}
const seconds = (performance.now() - startedMs) / 1000;

if (values.json)
  console.log(JSON.stringify({ seed: first, seeds: count, failures, events, virtualMs: Math.round(virtualMs), seconds }));
else {
  const shown = `${count} seeds from ${first}: ${events} events, ${(virtualMs / 1000).toFixed(0)} s of virtual time in ${seconds.toFixed(1)} s`;
  console.log(`${shown}; ${failures.length === 0 ? 'nothing is wrong' : `${failures.length} are wrong`}`);
}
process.exitCode = failures.length === 0 ? 0 : 1;
