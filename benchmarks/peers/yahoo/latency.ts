/**
 * How late results are while events come at a fixed rate. The generator begins slowly, until the contestant reads; then it warms it up at
 * the full rate; only then is measured.
 */
import type { Contestant } from '../contestant.ts';
import { AdEvents } from './events.ts';
import { startGenerator } from './generator.ts';
import { type Percentiles, percentiles } from './percentiles.ts';
import { Results } from './results.ts';
import { runContestant, type Stage } from './run-contestant.ts';
import { PARTITIONS } from './settings.ts';

export interface LatencyOptions {
  readonly perSecond: number;
  /** How long the generator is slow at the beginning. */
  readonly slowSeconds: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
  readonly seed: number;
}

export interface Latency {
  readonly perSecond: number;
  /** Undefined if all counts were right. */
  readonly fault: string | undefined;
  /** From the end of a window until its final count was in the output topic. */
  readonly windowMs: Percentiles;
  /** From the time of an event until it was in the output topic. */
  readonly passedMs: Percentiles;
  /** How late the generator was itself. */
  readonly generatorMs: Percentiles;
  /** Of all processor time of the contestant, over the time from the first record on: 1 is one core. */
  readonly cores: number;
}

const SLOW_PER_SECOND = 1_000;

let topics = 0;

export async function measureLatency(contestant: Contestant, stage: Stage, options: LatencyOptions): Promise<Latency> {
  const { perSecond, slowSeconds, warmupSeconds, seconds, seed } = options;
  const input = `paced-${process.pid}-${String(++topics).padStart(4, '0')}`;
  await stage.topics.create(input, { partitions: PARTITIONS });
  const generator = startGenerator({
    mode: 'pace',
    broker: stage.broker,
    topic: input,
    seed,
    phases: [
      { perSecond: SLOW_PER_SECOND, seconds: slowSeconds },
      { perSecond, seconds: warmupSeconds + seconds },
    ],
  });
  try {
    const startMs = await generator.started;
    const fromMs = startMs + (slowSeconds + warmupSeconds) * 1000;
    const toMs = fromMs + seconds * 1000;
    let generatorMs = percentiles([]);
    const results = new Results();
    const run = await runContestant(contestant, stage, results, {
      input,
      mode: 'latency',
      probe: new AdEvents(seed).campaigns[0] as string,
      meanwhile: async () => {
        const generated = await generator.done;
        generatorMs = generated.late;
        results.compareWith(generated.views);
      },
    });
    const { reading } = run;
    return {
      perSecond,
      fault: run.fault,
      windowMs: percentiles(results.windowLatenciesMs(fromMs, toMs)),
      passedMs: percentiles(results.passedLatenciesMs(fromMs, toMs)),
      generatorMs,
      cores:
        reading === undefined ? Number.NaN : (run.cpuSeconds - reading.cpuSeconds) / ((results.lastMs - reading.wallMs) / 1000),
    };
  } finally {
    generator.stop();
    await stage.topics.deleteAll(input);
  }
}
