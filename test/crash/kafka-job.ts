/**
 * The job of the crash tests with Kafka at both ends, run in a process of its own and killed again and again.
 *
 * Events come from a topic, one after the other and not faster than told; each is counted by its user, and goes out with the count; and counts of
 * kinds in windows go out to another topic. Its output does not depend on when anything happens: a user's events are in one
 * partition, in order, and none is late.
 *
 * Usage: `node kafka-job.ts FOLDER EVENTS EVENTS_PER_SECOND UNALIGNED BACKEND RESTORE_PATH BOOTSTRAP INPUT COUNTS PER_KIND`
 */
import { join } from 'node:path';
import process from 'node:process';
import {
  AsyncDataStream,
  StreamExecutionEnvironment,
  TumblingEventTimeWindows,
  type ValueState,
  ValueStateDescriptor,
  WatermarkStrategy,
} from 'millrace';
import { jsonFormat } from 'millrace/formats';
import { KafkaSink, KafkaSource, OffsetsInitializer } from 'millrace/kafka';
import { DISORDER_MS, type Event } from './events.ts';

interface Count {
  readonly user: string;
  readonly id: number;
  readonly count: number;
  readonly amount: number;
}

interface KindCount {
  readonly kind: string;
  readonly start: number;
  readonly count: number;
  readonly amount: number;
}

const [folder = '', , ratePerSecond = '1', unaligned = 'false', backend = 'hashmap', restorePath = '', ...words] =
  process.argv.slice(2);
const [bootstrapServers = '', input = '', counts = '', perKind = ''] = words;

const PARALLELISM = 2;
/** So many events at once are held for as long as the rate demands. */
const AT_ONCE = 60;
const heldMs = (AT_ONCE * PARALLELISM * 1000) / Number(ratePerSecond);

const env = StreamExecutionEnvironment.getExecutionEnvironment({
  'parallelism.default': PARALLELISM,
  'execution.checkpointing.interval': '100 ms',
  'execution.checkpointing.dir': join(folder, 'checkpoints'),
  'execution.checkpointing.num-retained': 2,
  'execution.checkpointing.externalized-checkpoint-retention': 'RETAIN_ON_CANCELLATION',
  'execution.checkpointing.unaligned.enabled': unaligned,
  'state.backend.type': backend,
  ...(restorePath === '' ? {} : { 'execution.state-recovery.path': restorePath }),
});

const source = KafkaSource.forValues(jsonFormat<Event>(), {
  bootstrapServers,
  topics: input,
  bounded: OffsetsInitializer.latest(),
});
const strategy = WatermarkStrategy.forBoundedOutOfOrderness<Event>(DISORDER_MS).withTimestampAssigner((event) => event.at);
const events = AsyncDataStream.orderedWait(
  env.fromSource(source, strategy, 'Events').uid('events'),
  async (event: Event) => {
    await new Promise((resolve) => setTimeout(resolve, heldMs));
    return [event];
  },
  60_000,
  { capacity: AT_ONCE },
).uid('held');

const seen = new ValueStateDescriptor<{ count: number; amount: number }>('seen');
let state: ValueState<{ count: number; amount: number }>;

events
  .keyBy((event) => event.user)
  .process<Count>({
    open(context) {
      state = context.getState(seen);
    },
    processElement(event, _context, out) {
      const before = state.value() ?? { count: 0, amount: 0 };
      const after = { count: before.count + 1, amount: before.amount + event.amount };
      state.update(after);
      out.collect({ user: event.user, id: event.id, ...after });
    },
  })
  .uid('count')
  .sinkTo(
    new KafkaSink<Count>({
      bootstrapServers,
      topic: counts,
      key: (count) => count.user,
      value: jsonFormat<Count>(),
      deliveryGuarantee: 'EXACTLY_ONCE',
      transactionalIdPrefix: counts,
    }),
  )
  .uid('counts');

events
  .keyBy((event) => event.kind)
  .window(TumblingEventTimeWindows.of(500))
  .aggregate(
    {
      createAccumulator: () => ({ count: 0, amount: 0 }),
      add: (event: Event, sum) => ({ count: sum.count + 1, amount: sum.amount + event.amount }),
      merge: (a, b) => ({ count: a.count + b.count, amount: a.amount + b.amount }),
      getResult: (sum) => sum,
    },
    (kind, { window }, [sum]): KindCount[] => [{ kind, start: window.start, ...(sum as { count: number; amount: number }) }],
  )
  .uid('per-kind')
  .sinkTo(
    new KafkaSink<KindCount>({
      bootstrapServers,
      topic: perKind,
      key: (count) => count.kind,
      value: jsonFormat<KindCount>(),
      deliveryGuarantee: 'EXACTLY_ONCE',
      transactionalIdPrefix: perKind,
      compression: 'gzip',
    }),
  )
  .uid('per-kind-counts');

await env.execute('Crash test');
