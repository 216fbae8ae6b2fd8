/**
 * The ad-analytics job on JSON bytes in memory, for `ad-analytics --parallelism N`. Every subtask of the source decodes the same
 * bytes again and again, so that a run is long enough for code to be optimised and for checkpoints to come; event time goes
 * on from one pass to the next.
 *
 * Measured is the time from the first event to the last result, and the processor time of all threads between.
 *
 * Usage: `node ad-analytics-job.ts PARALLELISM LINES PASSES CHECKPOINT_MS FOLDER`. Prints a line of JSON.
 */
import { join } from 'node:path';
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';
import { BytesSource, StreamExecutionEnvironment, TumblingEventTimeWindows, Types, WatermarkStrategy } from 'millrace';
import { jsonFormat } from 'millrace/formats';
import { type Ad, adEvents, MAX_DISORDER_MS } from '../../../examples/src/ad-analytics/events.ts';
import { forEventTimeProgress } from '../../../examples/src/event-time-progress.ts';
import { machineMs, sharedMemory } from './shared.ts';

export interface AdAnalyticsOutcome {
  readonly tookMs: number;
  readonly processorMs: number;
  readonly views: number;
  readonly checkpoints: number;
}

const [parallelism, lines, passes, checkpointMs] = process.argv.slice(2, 6).map(Number) as [number, number, number, number];
const folder = process.argv[6] as string;
const WINDOW_MS = 10_000;

const { ads, chunks } = adEvents({ events: lines, malformedShare: 0, lateShare: 0 });
const campaignOf = new Map(ads.map(({ ad_id, campaign_id }: Ad) => [ad_id, campaign_id]));
const bytes = Buffer.concat([...chunks]);

const FIRST_MS = 0;
const FIRST_PROCESSOR = 1;
const LAST_MS = 2;
const LAST_PROCESSOR = 3;
const memory = sharedMemory('ad analytics', 64);
const views = new BigInt64Array(memory, 0, 1);
const begun = new Int32Array(memory, 8, 1);
const times = new Float64Array(memory, 16, 4);

const processorMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
};

function begin(): void {
  if (Atomics.exchange(begun, 0, 1) !== 0) return;
  times[FIRST_MS] = machineMs();
  times[FIRST_PROCESSOR] = processorMs();
}

const SCHEMA = Types.OBJECT({ ad_id: Types.STRING, event_type: Types.STRING, event_time: Types.TIMESTAMP });

const env = StreamExecutionEnvironment.getExecutionEnvironment({
  'parallelism.default': parallelism,
  ...(checkpointMs === 0
    ? {}
    : { 'execution.checkpointing.interval': `${checkpointMs} ms`, 'execution.checkpointing.dir': join(folder, 'checkpoints') }),
});

/** What the passes before have added to event time. */
let shiftMs = 0;
let newestMs = Number.NEGATIVE_INFINITY;

env
  .fromSource(
    new BytesSource(bytes, jsonFormat({ schema: SCHEMA }), { repeat: passes }),
    WatermarkStrategy.noWatermarks(),
    'Ad events',
  )
  .map((event) => {
    const { event_time } = event;
    if (newestMs === Number.NEGATIVE_INFINITY) begin();
    if (event_time < newestMs - lines / 2) shiftMs += lines;
    if (event_time > newestMs || event_time < newestMs - lines / 2) newestMs = event_time;
    event.event_time = event_time + shiftMs;
    return event;
  })
  .assignTimestampsAndWatermarks(
    forEventTimeProgress<{ readonly event_time: number }>(MAX_DISORDER_MS, 1_000).withTimestampAssigner(
      (e) => e.event_time,
    ) as never,
  )
  .filter((event) => event.event_type === 'view')
  .map(({ ad_id, event_time }) => ({ campaign_id: campaignOf.get(ad_id) ?? 'unknown', event_time }))
  .keyBy((view) => view.campaign_id)
  .window(TumblingEventTimeWindows.of(WINDOW_MS))
  .aggregate({ createAccumulator: () => 0, add: (_, count) => count + 1, merge: (a, b) => a + b, getResult: (count) => count })
  .addSink({
    invoke(count) {
      Atomics.add(views, 0, BigInt(count));
      times[LAST_MS] = machineMs();
    },
    close() {
      times[LAST_PROCESSOR] = processorMs();
    },
  });

if (isMainThread) {
  const client = await env.executeAsync('Ad analytics');
  await client.getJobExecutionResult();
  const stats = (await client.getCheckpointStats()) as { readonly counts: { readonly completed: number } };
  const outcome: AdAnalyticsOutcome = {
    tookMs: (times[LAST_MS] as number) - (times[FIRST_MS] as number),
    processorMs: (times[LAST_PROCESSOR] as number) - (times[FIRST_PROCESSOR] as number),
    views: Number(views[0]),
    checkpoints: stats.counts.completed,
  };
  console.log(JSON.stringify(outcome));
} else {
  await env.executeAsync('Ad analytics');
}
