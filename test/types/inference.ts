/**
 * What the compiler knows of a stream, from the source to the sink. Nothing here runs: `npm run check` is the test.
 *
 * `is<Expected>()(stream)` compiles only if the element type is exactly `Expected`; a `@ts-expect-error` fails to compile when the
 * line below is no error.
 */
import {
  type AggregateFunction,
  AsyncDataStream,
  type Collector,
  type DataStream,
  type JobExecutionResult,
  type KeyedProcessFunction,
  MapStateDescriptor,
  OutputTag,
  type ProcessFunction,
  SlidingEventTimeWindows,
  StreamExecutionEnvironment,
  type TimeWindow,
  TumblingEventTimeWindows,
  type TypeOf,
  Types,
  ValueStateDescriptor,
  WatermarkStrategy,
} from 'millrace';

type Exactly<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type ElementOf<S> = S extends DataStream<infer T> ? T : never;

function is<Expected>(): <S extends DataStream<any>>(stream: Exactly<ElementOf<S>, Expected> extends true ? S : never) => void {
  return () => {};
}

interface Click {
  readonly kind: 'click';
  readonly user: string;
  readonly at: number;
  readonly tags?: string[];
}
interface View {
  readonly kind: 'view';
  readonly user: string;
  readonly at: number;
  readonly seconds: number;
}

const env = StreamExecutionEnvironment.getExecutionEnvironment();
const numbers = env.fromCollection([1, 2, 3]);
const events = env.fromCollection<Click | View>([]);

// Sources
is<number>()(numbers);
is<string>()(env.fromElements('a', 'b'));
is<string | number>()(env.fromCollection(new Set<string | number>()));
is<number>()(env.fromSequence(1, 2));
is<string>()(env.socketTextStream('localhost', 9));
// @ts-expect-error: an element type that is not the stream's
is<string>()(numbers);

// One to one, and one to many
is<string>()(numbers.map((x) => x.toFixed(1)));
is<{ readonly word: string; readonly n: number } | undefined>()(
  numbers.map((x): { readonly word: string; readonly n: number } | undefined => (x > 1 ? { word: 'w', n: x } : undefined)),
);
is<number>()(numbers.filter((x) => x > 1));
is<View>()(events.filter((event): event is View => event.kind === 'view'));
is<View>()(events.filter((event) => event.kind === 'view'));
is<string>()(numbers.flatMap((x) => ['a', String(x)]));
is<bigint>()(numbers.flatMap<bigint>((x, out) => out.collect(BigInt(x))));
is<bigint>()(numbers.flatMap((x, out: Collector<bigint>) => out.collect(BigInt(x))));
is<Date>()(numbers.map({ open: (context) => void context.jobName, map: (x: number) => new Date(x) }));
// @ts-expect-error: numbers have no such method
numbers.map((x) => x.toUpperCase());
// @ts-expect-error: a filter returns a boolean
numbers.filter((x) => `${x}`);

// Keys
const byUser = events.keyBy((event) => event.user);
is<Click | View>()(byUser);
is<View>()(
  events
    .filter((event) => event.kind === 'view')
    .keyBy((view) => [view.user, view.kind] as const)
    .reduce((a, b) => ({ kind: a.kind, user: a.user, at: b.at, seconds: a.seconds + b.seconds })),
);
// @ts-expect-error: a reduce function returns what it takes
byUser.reduce((a) => a.at);
byUser.sum('at');
byUser.maxBy('at');
byUser.min('user');
numbers.keyBy((x) => x % 2).sum();
env
  .fromElements<[string, number]>(['a', 1])
  .keyBy(([word]) => word)
  .sum(1);
// @ts-expect-error: text has no sum
byUser.sum('user');
// @ts-expect-error: records have no sum but that of a field
byUser.sum();
// @ts-expect-error: numbers have no fields
numbers.keyBy((x) => x).sum('at');
// @ts-expect-error: no such field
byUser.maxBy('absent');

// Process functions, state and side outputs
const late = new OutputTag<{ readonly user: string; readonly by: number }>('late');
const processed = byUser.process<string>({
  processElement(event, context, out) {
    const key: string = context.getCurrentKey();
    const at: number | undefined = context.timestamp();
    context.timerService.registerEventTimeTimer(event.at);
    context.output(late, { user: key, by: at ?? 0 });
    // @ts-expect-error: not what the tag carries
    context.output(late, { user: 1 });
    out.collect(key);
    // @ts-expect-error: not what the function emits
    out.collect(1);
  },
  onTimer(timestamp, context, out) {
    const domain: 'EVENT_TIME' | 'PROCESSING_TIME' = context.timeDomain;
    out.collect(`${domain} ${timestamp}`);
  },
});
is<string>()(processed);
is<{ readonly user: string; readonly by: number }>()(processed.getSideOutput(late));

export class CountPerUser implements KeyedProcessFunction<string, Click | View, [string, number]> {
  private readonly descriptor = new ValueStateDescriptor<number>('count');
  private count!: ReturnType<Parameters<NonNullable<KeyedProcessFunction<string, Click, unknown>['open']>>[0]['getState']>;

  open(context: Parameters<NonNullable<KeyedProcessFunction<string, Click, unknown>['open']>>[0]): void {
    this.count = context.getState(this.descriptor);
  }

  processElement(event: Click | View, _context: unknown, out: { collect(value: [string, number]): void }): void {
    out.collect([event.user, (this.count.value() as number | undefined) ?? 0]);
  }
}
is<[string, number]>()(byUser.process(new CountPerUser()));
// @ts-expect-error: the function is for other keys
numbers.keyBy((x) => x).process(new CountPerUser());
const lengths: ProcessFunction<Click | View, number> = {
  processElement: (event, _context, out) => out.collect(event.user.length),
};
is<number>()(events.process(lengths));

// Windows
const window = byUser.window(TumblingEventTimeWindows.of(1000));
is<Click | View>()(window.reduce((a, b) => (a.at > b.at ? a : b)));
is<{ readonly user: string; readonly n: number; readonly end: number }>()(
  window.process((user, context, elements) => {
    const times: TimeWindow = context.window;
    const first: Click | View | undefined = elements[0];
    return [
      { user, n: elements.length + (first ? 1 : 0), end: times.end } as {
        readonly user: string;
        readonly n: number;
        readonly end: number;
      },
    ];
  }),
);
const average: AggregateFunction<Click | View, { sum: number; n: number }, number> = {
  createAccumulator: () => ({ sum: 0, n: 0 }),
  add: (event, { sum, n }) => ({ sum: sum + event.at, n: n + 1 }),
  getResult: ({ sum, n }) => sum / n,
  merge: (a, b) => ({ sum: a.sum + b.sum, n: a.n + b.n }),
};
is<number>()(byUser.window(SlidingEventTimeWindows.of(1000, 100)).aggregate(average));
is<string>()(window.aggregate(average, (user, _context, [mean]) => [`${user}: ${mean.toFixed(1)}`]));
is<number>()(window.aggregate(average, (_user, _context, [mean], out: Collector<number>) => out.collect(mean)));
is<string>()(window.apply((user, times, elements) => (elements.length > times.end ? [user] : [])));
is<number>()(numbers.windowAll(TumblingEventTimeWindows.of(1000)).sum());
const numberWindow = numbers.keyBy((x) => x).window(TumblingEventTimeWindows.of(1000));
// @ts-expect-error: the aggregate function takes other records
numberWindow.aggregate(average);

// Several streams
is<number | string>()(
  numbers.connect(env.fromElements('a')).map(
    (x) => x,
    (text) => text,
  ),
);
is<boolean>()(
  numbers.connect(env.fromElements('a')).map(
    (x) => x > 1,
    (text) => text.length > 1,
  ),
);
is<number>()(numbers.union(env.fromSequence(1, 2)));
// @ts-expect-error: only streams of one type are united
numbers.union(env.fromElements('a'));
const users = env.fromElements({ id: 'u', age: 7 });
is<{ readonly user: string; readonly age: number }>()(
  events
    .join(users)
    .where((event) => event.user)
    .equalTo((user) => user.id)
    .window(TumblingEventTimeWindows.of(1000))
    .apply((event, user): { readonly user: string; readonly age: number } => ({ user: event.user, age: user.age })),
);
const joinedByUser = events.join(users).where((event) => event.user);
// @ts-expect-error: keys of other types never meet
joinedByUser.equalTo((user) => user.age);
is<number>()(
  byUser
    .intervalJoin(users.keyBy((user) => user.id))
    .between(-1000, 1000)
    .process((event, user) => event.at + user.age),
);
// @ts-expect-error: keys of other types never meet
byUser.intervalJoin(users.keyBy((user) => user.age));
const rules = new MapStateDescriptor<string, number>('rules');
is<string>()(
  numbers.connect(users.broadcast(rules)).process<string>({
    processElement(x, context, out) {
      const age: number | undefined = context.getBroadcastState(rules).get('u');
      out.collect(`${x} ${age}`);
    },
    processBroadcastElement(user, context) {
      context.getBroadcastState(rules).put(user.id, user.age);
      // @ts-expect-error: not what the state holds
      context.getBroadcastState(rules).put(user.id, user.id);
    },
  }),
);
is<string>()(AsyncDataStream.orderedWait(numbers, async (x) => [String(x)], 1000));

// Time and types
is<Click | View>()(
  events.assignTimestampsAndWatermarks(
    WatermarkStrategy.forBoundedOutOfOrderness<Click | View>(1000).withTimestampAssigner((event) => event.at),
  ),
);
const Row = Types.OBJECT({ id: Types.LONG, name: Types.STRING });
const row: TypeOf<typeof Row> = { id: 1, name: 'a' };
is<typeof row>()(env.fromElements(row));

// Ends
numbers.addSink((x) => void x.toFixed());
// @ts-expect-error: the sink takes other records
numbers.addSink((x: string) => void x);
export const collected: Promise<number[]> = numbers.executeAndCollect({ limit: 1 });
export const result: Promise<JobExecutionResult> = env.execute('Types');
