/**
 * Windows of event time per key, up to 5 s out of order, with a watermark every second of event time: tumbling windows of
 * 10 s against a loop by hand, sliding windows of 10 s by 1 s and by 100 ms against tumbling ones, sessions, and tumbling
 * windows in the general operator (an own trigger rules out the fast one); with a hundred text keys and with many.
 *
 * The loop is a Map of Maps that is closed when event time has passed a window. All contestants sum values; the results of
 * sliding windows and sessions are of course others.
 */
import {
  type Collector,
  EventTimeSessionWindows,
  EventTimeTrigger,
  type KeyedStream,
  type SingleOutputStreamOperator,
  SlidingEventTimeWindows,
  StreamExecutionEnvironment,
  TumblingEventTimeWindows,
} from 'millrace';
import { forEventTimeProgress } from '../../examples/src/event-time-progress.ts';
import { alternate, speedRatio } from './alternate.ts';
import type { Benchmark } from './benchmark.ts';

const SIZE_MS = 10_000;
const SLIDE_MS = 1_000;
const DISORDER_MS = 5_000;
const WATERMARK_STEP_MS = 1_000;
const SESSION_GAP_MS = 500;

interface Reading {
  readonly key: string;
  readonly at: number;
  readonly value: number;
}

export const windows: Benchmark = {
  name: 'windows',
  description: 'sliding 10 s by 1 s against tumbling 10 s, sessions, the general operator, and tumbling against a loop',
  async run({ rounds, scale }) {
    const few = readings(Math.ceil(1_000_000 * scale), 100);
    const many = readings(Math.ceil(2_000_000 * scale), Math.ceil(1_000_000 * scale));
    const fewKeys = await alternate(contestants(few), { units: few.length, rounds, warmupRounds: 2 });
    const manyKeys = await alternate(
      contestants(many).filter(({ name }) => name === 'tumbling' || name === 'loop' || name === 'general'),
      { units: many.length, rounds },
    );
    return {
      name: 'windows',
      comparisons: { '100 keys': fewKeys, 'many keys': manyKeys },
      figures: [
        { name: 'ratio', value: speedRatio(fewKeys, 'tumbling', 'loop'), target: { min: 0.8 } },
        { name: 'ratio (many keys)', value: speedRatio(manyKeys, 'tumbling', 'loop'), target: { min: 0.8 } },
        { name: 'sliding cost / tumbling', value: speedRatio(fewKeys, 'tumbling', 'sliding'), target: { max: 1.5 } },
        { name: 'sliding by 100 ms cost / tumbling', value: speedRatio(fewKeys, 'tumbling', 'sliding by 100 ms') },
        { name: 'sessions cost / tumbling', value: speedRatio(fewKeys, 'tumbling', 'sessions') },
        { name: 'general cost / tumbling', value: speedRatio(fewKeys, 'tumbling', 'general') },
      ],
    };
  },
};

/** One reading a millisecond, out of order by up to 5 s; the same for the same arguments. */
export function readings(count: number, keys: number): Reading[] {
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const names = Array.from({ length: keys }, (_, i) => `device-${i.toString(36).padStart(8, '0')}`);
  return Array.from({ length: count }, (_, i) => ({
    key: names[random(keys)] as string,
    at: 1_735_689_600_000 + i - random(DISORDER_MS),
    value: i % 10,
  }));
}

type Windowed = (stream: KeyedStream<Reading, string>) => SingleOutputStreamOperator<number>;

const SUM = {
  createAccumulator: () => 0,
  add: (reading: Reading, sum: number) => sum + reading.value,
  merge: (a: number, b: number) => a + b,
  getResult: (sum: number) => sum,
};

/** The same trigger under another name: windows with it go to the general operator. */
const ownTrigger = {
  onElement: EventTimeTrigger.prototype.onElement,
  onEventTime: EventTimeTrigger.prototype.onEventTime,
  onProcessingTime: EventTimeTrigger.prototype.onProcessingTime,
  clear: EventTimeTrigger.prototype.clear,
  toString: () => 'OwnTrigger()',
};

export function contestants(data: readonly Reading[]) {
  const engine = (windowed: Windowed) => async (): Promise<number> => {
    let checksum = 0;
    const env = StreamExecutionEnvironment.getExecutionEnvironment();
    const strategy = forEventTimeProgress<Reading>(DISORDER_MS, WATERMARK_STEP_MS);
    const keyed = env
      .fromCollection(data)
      .assignTimestampsAndWatermarks(strategy.withTimestampAssigner((reading) => reading.at))
      .keyBy((reading) => reading.key);
    windowed(keyed).addSink((sum) => {
      checksum += sum * sum;
    });
    await env.execute('Windows');
    return checksum;
  };
  const tumbling = TumblingEventTimeWindows.of(SIZE_MS);
  return [
    { name: 'tumbling', run: engine((stream) => stream.window(tumbling).aggregate(SUM)) },
    { name: 'loop', run: () => loop(data) },
    { name: 'general', run: engine((stream) => stream.window(tumbling).trigger(ownTrigger).aggregate(SUM)) },
    {
      name: 'tumbling, window function',
      run: engine((stream) =>
        stream.window(tumbling).aggregate(SUM, (_key, _context, [sum], out: Collector<number>) => out.collect(sum)),
      ),
    },
    {
      name: 'sliding',
      run: engine((stream) => stream.window(SlidingEventTimeWindows.of(SIZE_MS, SLIDE_MS)).aggregate(SUM)),
      sameResult: false,
    },
    {
      name: 'sliding by 100 ms',
      run: engine((stream) => stream.window(SlidingEventTimeWindows.of(SIZE_MS, 100)).aggregate(SUM)),
      sameResult: false,
    },
    {
      name: 'sessions',
      run: engine((stream) => stream.window(EventTimeSessionWindows.withGap(SESSION_GAP_MS)).aggregate(SUM)),
      sameResult: false,
    },
  ];
}

function loop(data: readonly Reading[]): number {
  let checksum = 0;
  const open = new Map<number, Map<string, number>>();
  let newestMs = Number.NEGATIVE_INFINITY;
  let watermark = Number.NEGATIVE_INFINITY;
  const close = (): void => {
    for (const [start, sums] of open) {
      if (start + SIZE_MS - 1 > watermark) continue;
      for (const sum of sums.values()) checksum += sum * sum;
      open.delete(start);
    }
  };
  for (const { key, at, value } of data) {
    const start = at - (at % SIZE_MS);
    if (start + SIZE_MS - 1 > watermark) {
      let sums = open.get(start);
      if (sums === undefined) open.set(start, (sums = new Map()));
      sums.set(key, (sums.get(key) ?? 0) + value);
    }
    if (at >= newestMs + WATERMARK_STEP_MS) {
      newestMs = at;
      watermark = at - DISORDER_MS - 1;
      close();
    }
  }
  watermark = Number.POSITIVE_INFINITY;
  close();
  return checksum;
}
