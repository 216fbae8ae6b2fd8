/**
 * The job of the benchmark `latency`: events at a steady rate, keyed, counted per key, and written; each knows when it was
 * made and when it was due. The first seconds, in which code is optimised, are not counted.
 *
 * Usage: `node latency-job.ts PARALLELISM EVENTS_PER_SECOND SECONDS KEYS CHECKPOINT_MS BACKEND FOLDER`. Prints a line of JSON.
 */
import { join } from 'node:path';
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';
import {
  DataGeneratorSource,
  StreamExecutionEnvironment,
  type ValueState,
  ValueStateDescriptor,
  WatermarkStrategy,
} from 'millrace';
import { type LatencyReport, latencyRecorder } from './latency-recorder.ts';
import { machineMs } from './shared.ts';

export interface LatencyOutcome {
  readonly sinceMade: LatencyReport;
  readonly sinceDue: LatencyReport;
  readonly count: number;
  readonly checkpoints: number;
}

interface Event {
  readonly key: number;
  readonly madeMs: number;
  readonly dueMs: number;
}

interface Counted extends Event {
  readonly count: number;
}

const [parallelism, perSecond, seconds, keys, checkpointMs] = process.argv.slice(2, 7).map(Number) as [
  number,
  number,
  number,
  number,
  number,
];
const [backend, folder] = process.argv.slice(7) as [string, string];
const warmupSeconds = Math.min(3, seconds);
const events = perSecond * (seconds + warmupSeconds);
const firstCounted = perSecond * warmupSeconds;

const sinceMade = latencyRecorder('since made');
const sinceDue = latencyRecorder('since due');

const intervalMs = (1e3 * parallelism) / perSecond;
/** What a generator that was held up makes good; what is older never falls due. */
const MAX_BACKLOG_MS = 100;
let dueMs = Number.NaN;

function eventAt(index: number): Event & { readonly index: number } {
  const madeMs = machineMs();
  const nextMs = dueMs + intervalMs;
  dueMs = nextMs < madeMs ? Math.max(nextMs, madeMs - MAX_BACKLOG_MS) : madeMs;
  return { key: (Math.imul(index, 0x9e3779b1) >>> 0) % keys, madeMs, dueMs, index };
}

const count = new ValueStateDescriptor<number>('count');

const env = StreamExecutionEnvironment.getExecutionEnvironment({
  'parallelism.default': parallelism,
  'state.backend.type': backend,
  ...(checkpointMs === 0
    ? {}
    : { 'execution.checkpointing.interval': `${checkpointMs} ms`, 'execution.checkpointing.dir': join(folder, 'checkpoints') }),
});
let counts: ValueState<number>;
env
  .fromSource(
    new DataGeneratorSource(eventAt, events, { ratePerSecond: perSecond }),
    WatermarkStrategy.noWatermarks<Event & { readonly index: number }>(),
    'Events',
  )
  .keyBy((event) => event.key)
  .process<Counted & { readonly index: number }>({
    open(context) {
      counts = context.getState(count);
    },
    processElement(event, _context, out) {
      const next = (counts.value() ?? 0) + 1;
      counts.update(next);
      out.collect({ key: event.key, madeMs: event.madeMs, dueMs: event.dueMs, index: event.index, count: next });
    },
  })
  .addSink(({ index, madeMs, dueMs }) => {
    if (index < firstCounted) return;
    const nowMs = machineMs();
    sinceMade.record(nowMs - madeMs);
    sinceDue.record(nowMs - dueMs);
  });

if (isMainThread) {
  const client = await env.executeAsync('Latency');
  await client.getJobExecutionResult();
  const stats = (await client.getCheckpointStats()) as { readonly counts: { readonly completed: number } };
  const outcome: LatencyOutcome = {
    sinceMade: sinceMade.report(),
    sinceDue: sinceDue.report(),
    count: sinceMade.report().count,
    checkpoints: stats.counts.completed,
  };
  console.log(JSON.stringify(outcome));
} else {
  await env.executeAsync('Latency');
}
