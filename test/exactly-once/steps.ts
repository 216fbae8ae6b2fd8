/**
 * What the jobs under test are made of. Every kind of step is defined twice: as the program says it, and as what it means,
 * a plain function of all records.
 *
 * What a step puts out, as a multiset, depends on what comes in alone: not on the order of records with equal or different times,
 * nor on how they are spread over subtasks. And no step puts out a record that is late for its watermark. So any graph of steps
 * has one right output, however it is run.
 */
import {
  AsyncDataStream,
  type Clock,
  type Collector,
  type DataStream,
  EventTimeSessionWindows,
  type KeyedBroadcastProcessFunction,
  type KeyedProcessContext,
  type ListState,
  ListStateDescriptor,
  type MapState,
  MapStateDescriptor,
  OutputTag,
  type Random,
  type RichAsyncFunction,
  type RuntimeContext,
  type SingleOutputStreamOperator,
  SlidingEventTimeWindows,
  type Source,
  type TimerService,
  type TimeWindow,
  TumblingEventTimeWindows,
  type ValueState,
  ValueStateDescriptor,
} from '../../src/index.ts';
import type { Faults } from './faults.ts';
import type { Item } from './item.ts';

export const EXCHANGES = ['AUTO', 'REBALANCE', 'RESCALE', 'SHUFFLE', 'GLOBAL', 'CUSTOM', 'FORWARD'] as const;

export interface Step {
  readonly kind: StepKind;
  /** The streams that it takes: positions among those there are, modulo their number. */
  readonly input: number;
  readonly second: number;
  /** Of windows and the like, in milliseconds of event time. */
  readonly sizeMs: number;
  /** In front of steps without a key. */
  readonly exchange: (typeof EXCHANGES)[number];
  readonly chained: boolean;
}

/** What the program's functions can reach. */
export interface StepContext {
  readonly faults: Faults;
  readonly clock: Clock;
  readonly random: Random;
  /** Hears how far a split of a source has been read, whenever a snapshot is taken. */
  onPosition?(source: number, split: number, position: number): void;
  /** What stands in for a source; itself unless given. */
  wrapSource?(source: Source<Item, any, any>): Source<Item, any, any>;
}

type Operator = SingleOutputStreamOperator<Item>;

interface StepDefinition {
  /** The streams that it puts out; `undefined` if chance has a part in what these records come to. */
  model(step: Step, first: readonly Item[], second: readonly Item[]): Item[][] | undefined;
  /** The operator of each of these streams; the first is that of the step. */
  program(step: Step, first: DataStream<Item>, second: DataStream<Item>, context: StepContext): [Operator, ...DataStream<Item>[]];
}

const key = ({ k }: Item): number => k;
const sum = (items: readonly Item[]): number => items.reduce((n, { v }) => n + v, 0);
const bounded = (v: number): number => v % 997;
/** The last moment of the bucket of event time that `t` is in. */
const bucketEnd = (t: number, sizeMs: number): number => (Math.floor(t / sizeMs) + 1) * sizeMs - 1;

/** The life cycle of a function, with the points where it can fail. */
function lifeCycle({ faults }: Pick<StepContext, 'faults'>) {
  return {
    open: (_context: RuntimeContext): void => faults.at('open'),
    initializeState: (context: { readonly isRestored: boolean }): void => {
      if (context.isRestored) faults.at('restore');
    },
    snapshotState: (): void => faults.at('snapshot'),
    notifyCheckpointComplete: (): void => faults.at('complete'),
    close: (): void => faults.at('close'),
  };
}

function groupBy<K>(items: readonly Item[], keyOf: (item: Item) => K): Map<K, Item[]> {
  const groups = new Map<K, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

function exchanged(stream: DataStream<Item>, { exchange }: Step): DataStream<Item> {
  switch (exchange) {
    case 'REBALANCE':
      return stream.rebalance();
    case 'RESCALE':
      return stream.rescale();
    case 'SHUFFLE':
      return stream.shuffle();
    case 'GLOBAL':
      return stream.global();
    case 'CUSTOM':
      return stream.partitionCustom((k: number, n) => k % n, key);
    case 'FORWARD':
      return stream.forward();
    default:
      return stream;
  }
}

/** Puts out one record per key and window. */
const windowFunction = (context: StepContext) => ({
  ...lifeCycle(context),
  process(k: number, { window }: { readonly window: TimeWindow }, items: Iterable<Item>, out: Collector<Item>): void {
    context.faults.at('timer');
    out.collect({ k, v: bounded(sum([...items])), t: window.maxTimestamp() });
  },
});

const windowed = (k: number, items: readonly Item[], t: number): Item => ({ k, v: bounded(sum(items)), t });

function tumbled(items: readonly Item[], sizeMs: number, keyOf: (item: Item) => number = key): Item[] {
  const outputs: Item[] = [];
  for (const [k, ofKey] of groupBy(items, keyOf)) {
    for (const [t, ofWindow] of groupBy(ofKey, (i) => bucketEnd(i.t, sizeMs))) outputs.push(windowed(k, ofWindow, t));
  }
  return outputs;
}

const mapped = ({ k, v, t }: Item): Item => ({ k, v: bounded(v * 3 + 1), t });
const filtered = ({ v }: Item): boolean => v % 3 !== 0;
const flatMapped = (item: Item): Item[] =>
  item.v % 5 === 0 ? [] : item.v % 2 === 0 ? [item, { ...item, v: item.v + 1 }] : [item];
const SIDE = new OutputTag<Item>('side');
const joined = (a: Item, b: Item): Item => ({ k: a.k, v: bounded(a.v * 31 + b.v), t: Math.max(a.t, b.t) });
const connected = (k: number, [a, b]: readonly [number, number], t: number): Item => ({ k, v: bounded(a * 31 + b), t });
const RULES = new MapStateDescriptor<string, Item>('rules');
const ruleName = ({ k, v, t }: Item): string => `${k}/${v}/${t}`;
const judged = ({ k, v }: Item, rules: Iterable<Item>, t: number): Item => ({
  k,
  v: bounded(v + sum([...rules].filter((rule) => rule.t <= t))),
  t,
});

/** Sums by key and bucket, of two sides, put out when the bucket has ended. */
function bucketSums(sizeMs: number, context: StepContext) {
  const sums = new MapStateDescriptor<number, readonly [number, number]>('sums');
  let state: MapState<number, readonly [number, number]>;
  return {
    ...lifeCycle(context),
    open(runtime: RuntimeContext): void {
      context.faults.at('open');
      state = runtime.getMapState(sums);
    },
    add(item: Item, side: 0 | 1, timers: TimerService): void {
      context.faults.at('process');
      const t = bucketEnd(item.t, sizeMs);
      const [a, b] = state.get(t) ?? [0, 0];
      state.put(t, side === 0 ? [a + item.v, b] : [a, b + item.v]);
      timers.registerEventTimeTimer(t);
    },
    onTimer(t: number, { getCurrentKey }: KeyedProcessContext<number>, out: Collector<Item>): void {
      context.faults.at('timer');
      out.collect(connected(getCurrentKey(), state.get(t) ?? [0, 0], t));
      state.remove(t);
    },
  };
}

function connectedSums({ sizeMs }: Step, first: readonly Item[], second: readonly Item[]): Item[] {
  const sides = [first, second].map((items) => groupBy(items, ({ k, t }) => `${k}/${bucketEnd(t, sizeMs)}`));
  const sumOf = (side: number, name: string): number => sum(sides[side]?.get(name) ?? []);
  return [...new Set(sides.flatMap((side) => [...side.keys()]))].map((name) => {
    const [k, t] = name.split('/').map(Number) as [number, number];
    return connected(k, [sumOf(0, name), sumOf(1, name)], t);
  });
}

/** Keeps records until their bucket has ended, and judges them by the rules that came by then. */
function ruleFunction(sizeMs: number, context: StepContext): KeyedBroadcastProcessFunction<number, Item, Item, Item> {
  const waiting = new ListStateDescriptor<Item>('waiting');
  let state: ListState<Item>;
  return {
    ...lifeCycle(context),
    open(runtime) {
      context.faults.at('open');
      state = runtime.getListState(waiting);
    },
    processElement(item, { timerService }) {
      context.faults.at('process');
      state.add(item);
      timerService.registerEventTimeTimer(bucketEnd(item.t, sizeMs));
    },
    processBroadcastElement(rule, broadcast) {
      context.faults.at('process');
      broadcast.getBroadcastState(RULES).put(ruleName(rule), rule);
    },
    onTimer(t, timer, out) {
      context.faults.at('timer');
      const items = [...state.get()];
      const due = items.filter((item) => bucketEnd(item.t, sizeMs) <= t);
      state.update(items.filter((item) => !due.includes(item)));
      const rules = [...timer.getBroadcastState(RULES).immutableEntries()].map(([, rule]) => rule);
      for (const item of due) out.collect(judged(item, rules, t));
    },
  };
}

/** Answers each record after a while. */
function asyncFunction({ faults, clock, random }: StepContext): RichAsyncFunction<Item, Item> {
  return {
    ...lifeCycle({ faults }),
    asyncInvoke(item, { complete, completeExceptionally }) {
      const delayMs = random.next() ** 2 * 30;
      clock.setTimer(delayMs, () => {
        try {
          faults.at('process');
          complete([mapped(item)]);
        } catch (error) {
          completeExceptionally(error);
        }
      });
    },
  };
}

const DEFINITIONS = {
  MAP: {
    model: (_, first) => [first.map(mapped)],
    program: (step, first, _, context) => {
      const map = (item: Item): Item => {
        context.faults.at('process');
        return mapped(item);
      };
      return [exchanged(first, step).map({ ...lifeCycle(context), map })];
    },
  },
  FILTER: {
    model: (_, first) => [first.filter(filtered)],
    program: (step, first) => [exchanged(first, step).filter(filtered)],
  },
  FLAT_MAP: {
    model: (_, first) => [first.flatMap(flatMapped)],
    program: (step, first) => [exchanged(first, step).flatMap(flatMapped)],
  },
  /** Every subtask gets every record, and one of them takes it. */
  BROADCAST: {
    model: (_, first) => [[...first]],
    program: (_, first, __, context) => {
      let runtime: RuntimeContext;
      const open = (opened: RuntimeContext): void => void (runtime = opened);
      const filter = ({ v }: Item): boolean => v % runtime.numberOfParallelSubtasks === runtime.indexOfThisSubtask;
      return [first.broadcast().filter({ ...lifeCycle(context), open, filter })];
    },
  },
  SIDE_OUTPUT: {
    model: (_, first) => [first.filter(filtered), first.filter((item) => !filtered(item))],
    program: (step, first, _, context) => {
      const main = exchanged(first, step).process<Item>({
        ...lifeCycle(context),
        processElement(item, process, out) {
          context.faults.at('process');
          if (filtered(item)) out.collect(item);
          else process.output(SIDE, item);
        },
      });
      return [main, main.getSideOutput(SIDE)];
    },
  },
  /** With itself, if both inputs are one stream. */
  UNION: {
    model: (_, first, second) => [[...first, ...second].map(mapped)],
    program: (_, first, second) => [first.union(second).map(mapped)],
  },
  DIAMOND: {
    model: (_, first) => [first.flatMap((item) => [mapped(item), item]).map(mapped)],
    program: (step, first) => [exchanged(first, step).map(mapped).union(first).map(mapped)],
  },
  TUMBLE: {
    model: ({ sizeMs }, first) => [tumbled(first, sizeMs)],
    program: ({ sizeMs }, first, _, context) => [
      first.keyBy(key).window(TumblingEventTimeWindows.of(sizeMs)).process(windowFunction(context)),
    ],
  },
  SLIDE: {
    model: ({ sizeMs }, first) => {
      const inAllWindows = first.flatMap((item) => {
        const last = bucketEnd(item.t, sizeMs);
        return [last, last + sizeMs, last + 2 * sizeMs].map((t) => ({ ...item, t }));
      });
      return [tumbled(inAllWindows, 1)];
    },
    program: ({ sizeMs }, first, _, context) => [
      first
        .keyBy(key)
        .window(SlidingEventTimeWindows.of(3 * sizeMs, sizeMs))
        .aggregate(
          {
            createAccumulator: () => 0,
            add: ({ v }: Item, total: number) => total + v,
            getResult: (v: number): Item => ({ k: 0, v, t: 0 }),
            merge: (a: number, b: number) => a + b,
          },
          windowFunction(context),
        ),
    ],
  },
  SESSION: {
    model: ({ sizeMs }, first) => {
      const outputs: Item[] = [];
      for (const [k, ofKey] of groupBy(first, key)) {
        const sessions: Item[][] = [];
        for (const item of [...ofKey].sort((a, b) => a.t - b.t)) {
          const last = sessions.at(-1)?.at(-1);
          // The session may be over or not when a record comes that only just touches it.
          if (last && item.t - last.t === sizeMs) return undefined;
          if (last && item.t - last.t <= sizeMs) sessions.at(-1)?.push(item);
          else sessions.push([item]);
        }
        for (const session of sessions) outputs.push(windowed(k, session, (session.at(-1) as Item).t + sizeMs - 1));
      }
      return [outputs];
    },
    program: ({ sizeMs }, first, _, context) => [
      first.keyBy(key).window(EventTimeSessionWindows.withGap(sizeMs)).process(windowFunction(context)),
    ],
  },
  WINDOW_ALL: {
    model: ({ sizeMs }, first) => [tumbled(first, sizeMs, () => 0)],
    program: ({ sizeMs }, first, _, context) => {
      const inWindow = windowFunction(context);
      return [
        first.windowAll(TumblingEventTimeWindows.of(sizeMs)).process<Item>({
          ...lifeCycle(context),
          process: ({ window }, items, out) => inWindow.process(0, { window }, items, out),
        }),
      ];
    },
  },
  TIMERS: {
    model: (step, first) => [connectedSums(step, first, [])],
    program: ({ sizeMs }, first, _, context) => {
      const { add, ...rest } = bucketSums(sizeMs, context);
      return [
        first.keyBy(key).process<Item>({ ...rest, processElement: (item, { timerService }) => add(item, 0, timerService) }),
      ];
    },
  },
  CONNECT: {
    model: (step, first, second) => [connectedSums(step, first, second)],
    program: ({ sizeMs }, first, second, context) => {
      const { add, ...rest } = bucketSums(sizeMs, context);
      return [
        first
          .keyBy(key)
          .connect(second.keyBy(key))
          .process<Item>({
            ...rest,
            processElement1: (item, { timerService }) => add(item, 0, timerService),
            processElement2: (item, { timerService }) => add(item, 1, timerService),
          }),
      ];
    },
  },
  INTERVAL_JOIN: {
    model: ({ sizeMs }, first, second) => {
      const partners = groupBy(second, key);
      const near = (a: Item): Item[] => (partners.get(a.k) ?? []).filter((b) => Math.abs(b.t - a.t) <= sizeMs / 4);
      return [first.flatMap((a) => near(a).map((b) => joined(a, b)))];
    },
    program: ({ sizeMs }, first, second) => [
      first
        .keyBy(key)
        .intervalJoin(second.keyBy(key))
        .between(-sizeMs / 4, sizeMs / 4)
        .process<Item>(joined),
    ],
  },
  RULES: {
    model: ({ sizeMs }, first, second) => {
      const rules = [...new Map(second.map((rule) => [ruleName(rule), rule])).values()];
      return [first.map((item) => judged(item, rules, bucketEnd(item.t, sizeMs)))];
    },
    program: ({ sizeMs }, first, second, context) => [
      first.keyBy(key).connect(second.broadcast(RULES)).process(ruleFunction(sizeMs, context)),
    ],
  },
  ASYNC_ORDERED: {
    model: (_, first) => [first.map(mapped)],
    program: (step, first, _, context) => [
      AsyncDataStream.orderedWait(exchanged(first, step), asyncFunction(context), 0, { capacity: 7 }),
    ],
  },
  ASYNC_UNORDERED: {
    model: (_, first) => [first.map(mapped)],
    program: (step, first, _, context) => [
      AsyncDataStream.unorderedWait(exchanged(first, step), asyncFunction(context), 0, { capacity: 7 }),
    ],
  },
} satisfies Record<string, StepDefinition>;

export type StepKind = keyof typeof DEFINITIONS;
export const STEP_KINDS = Object.keys(DEFINITIONS) as StepKind[];

/** Whether the step takes its second stream, too. */
export function takesTwo(kind: StepKind): boolean {
  return kind === 'UNION' || kind === 'CONNECT' || kind === 'INTERVAL_JOIN' || kind === 'RULES';
}

export function stepDefinition(kind: StepKind): StepDefinition {
  return DEFINITIONS[kind];
}

/** Counts the records of each key as they come: the end of a stream, because the times of what it puts out are chance. */
export function counted(stream: DataStream<Item>, context: StepContext): SingleOutputStreamOperator<Item> {
  const descriptor = new ValueStateDescriptor<number>('count');
  let count: ValueState<number>;
  return stream.keyBy(key).process<Item>({
    ...lifeCycle(context),
    open(runtime) {
      context.faults.at('open');
      count = runtime.getState(descriptor);
    },
    processElement({ k }, _, out) {
      context.faults.at('process');
      const n = (count.value() ?? 0) + 1;
      count.update(n);
      out.collect({ k, v: n, t: 0 });
    },
  });
}

export function countedModel(items: readonly Item[]): Item[] {
  return [...groupBy(items, key)].flatMap(([k, ofKey]) => ofKey.map((_, i) => ({ k, v: i + 1, t: 0 })));
}
