/**
 * The job of the crash tests, run in a process of its own and killed again and again.
 *
 * It has what can go wrong in it: two slots, splits, watermarks, an asynchronous operator, broadcast state, timers, tumbling
 * and session windows, and two-phase file sinks. Its output does not depend on when anything happens: events wait until all
 * rules are there, and none is late.
 *
 * Usage: `node file-job.ts FOLDER EVENTS EVENTS_PER_SECOND UNALIGNED BACKEND [RESTORE_PATH]`
 */
import { join } from 'node:path';
import process from 'node:process';
import {
  AsyncDataStream,
  DataGeneratorSource,
  EventTimeSessionWindows,
  type KeyedBroadcastProcessFunction,
  type ListState,
  ListStateDescriptor,
  MapStateDescriptor,
  StreamExecutionEnvironment,
  TumblingEventTimeWindows,
  Types,
  WatermarkStrategy,
} from 'millrace';
import { FileSink } from 'millrace/files';
import { jsonFormat } from 'millrace/formats';
import { DISORDER_MS, type Event, eventAt, KINDS } from './events.ts';

interface Rule {
  readonly kind: string;
  readonly weight: number;
}

const RULES: readonly Rule[] = KINDS.map((kind, i) => ({ kind, weight: i + 1 }));

const [folder = '', events = '0', ratePerSecond = '1', unaligned = 'false', backend = 'hashmap', restorePath = ''] =
  process.argv.slice(2);

const rules = new MapStateDescriptor<string, number>('rules');
const waiting = new ListStateDescriptor<Event>('waiting');

type Function = KeyedBroadcastProcessFunction<string, Event, Rule, Event>;

function applyRules(): Function {
  let buffer: ListState<Event>;
  return {
    open(context) {
      buffer = context.getListState(waiting);
    },
    processElement(event, context, out) {
      const known = context.getBroadcastState(rules);
      if (areComplete(known)) {
        out.collect(weigh(event, known.get(event.kind)));
        return;
      }
      buffer.add(event);
      context.timerService.registerEventTimeTimer(event.at);
    },
    processBroadcastElement(rule, context) {
      context.getBroadcastState(rules).put(rule.kind, rule.weight);
    },
    // Event time goes on when the rules have ended: then all of them are there.
    onTimer(timestamp, context, out) {
      const known = context.getBroadcastState(rules);
      const rest: Event[] = [];
      for (const event of buffer.get()) {
        if (event.at === timestamp) out.collect(weigh(event, known.get(event.kind)));
        else rest.push(event);
      }
      buffer.update(rest);
    },
  };
}

function areComplete(known: { contains(kind: string): boolean }): boolean {
  return RULES.every(({ kind }) => known.contains(kind));
}

function weigh(event: Event, weight: number | undefined): Event {
  return { ...event, amount: event.amount * (weight as number) };
}

const env = StreamExecutionEnvironment.getExecutionEnvironment({
  'parallelism.default': 2,
  'execution.checkpointing.interval': '100 ms',
  'execution.checkpointing.dir': join(folder, 'checkpoints'),
  'execution.checkpointing.num-retained': 2,
  'execution.checkpointing.externalized-checkpoint-retention': 'RETAIN_ON_CANCELLATION',
  'execution.checkpointing.unaligned.enabled': unaligned,
  'state.backend.type': backend,
  ...(restorePath === '' ? {} : { 'execution.state-recovery.path': restorePath }),
});

const strategy = WatermarkStrategy.forBoundedOutOfOrderness<Event>(DISORDER_MS).withTimestampAssigner((e) => e.at);
const source = new DataGeneratorSource(eventAt, Number(events), { ratePerSecond: Number(ratePerSecond) });
const enriched = AsyncDataStream.unorderedWait(
  env.fromSource(source, strategy, 'Events').uid('events'),
  async (event: Event) => {
    await new Promise((resolve) => setImmediate(resolve));
    return [{ ...event, amount: event.amount + 1 }];
  },
  60_000,
  { capacity: 200 },
).uid('enrich');
const weighted = enriched
  .keyBy((e) => e.user)
  .connect(env.fromCollection(RULES).uid('rules').broadcast(rules))
  .process(applyRules())
  .uid('apply-rules');

weighted
  .keyBy((e) => e.kind)
  .window(TumblingEventTimeWindows.of(500))
  .aggregate(
    {
      createAccumulator: () => ({ count: 0, amount: 0 }),
      add: (e: Event, sum) => ({ count: sum.count + 1, amount: sum.amount + e.amount }),
      merge: (a, b) => ({ count: a.count + b.count, amount: a.amount + b.amount }),
      getResult: (sum) => sum,
    },
    (kind, { window }, [sum]) => [{ kind, start: window.start, ...(sum as { count: number; amount: number }) }],
  )
  .uid('per-kind')
  .sinkTo(
    FileSink.forFormat(
      join(folder, 'per-kind'),
      jsonFormat({ schema: Types.OBJECT({ kind: Types.STRING, start: Types.LONG, count: Types.LONG, amount: Types.LONG }) }),
    ),
  )
  .uid('per-kind-files');

weighted
  .keyBy((e) => e.user)
  .window(EventTimeSessionWindows.withGap(900))
  .aggregate(
    {
      createAccumulator: () => ({ count: 0, ids: 0 }),
      add: (e: Event, sum) => ({ count: sum.count + 1, ids: sum.ids + e.id }),
      merge: (a, b) => ({ count: a.count + b.count, ids: a.ids + b.ids }),
      getResult: (sum) => sum,
    },
    (user, { window }, [sum]) => [{ user, start: window.start, end: window.end, ...(sum as { count: number; ids: number }) }],
  )
  .uid('sessions')
  .sinkTo(
    FileSink.forFormat(
      join(folder, 'sessions'),
      jsonFormat({
        schema: Types.OBJECT({ user: Types.STRING, start: Types.LONG, end: Types.LONG, count: Types.LONG, ids: Types.LONG }),
      }),
    ),
  )
  .uid('session-files');

await env.execute('Crash test');
