/**
 * A job under test as data: its sources, and steps that make a graph of them. Any list of steps is a graph: what a step takes is a
 * position among the streams that there are by then. What nobody takes goes to the sinks.
 */
import {
  type DataStream,
  type SingleOutputStreamOperator,
  type Sink,
  type StreamExecutionEnvironment,
  WatermarkStrategy,
} from '../../src/index.ts';
import type { Item } from './item.ts';
import { ReplayableSource, type TimedItem } from './replayable-source.ts';
import { counted, countedModel, type Step, type StepContext, stepDefinition, takesTwo } from './steps.ts';

export interface Topology {
  /** By source, then by split. */
  readonly sources: readonly (readonly (readonly TimedItem[])[])[];
  readonly steps: readonly Step[];
  /** Whether ends are counted by key; in turn. */
  readonly countedEnds: readonly boolean[];
  readonly maxParallelism: number;
  readonly chaining: boolean;
}

/** Of sources, steps and ends, in turn. */
export type Parallelisms = readonly number[];

/** How far records of a split may be out of order. */
export const OUT_OF_ORDERNESS_MS = 10;
/** The most that a step puts out. */
const MOST_RECORDS = 1500;

function ends<S>(steps: readonly Step[], sources: readonly S[], apply: (step: Step, first: S, second: S) => readonly S[]): S[] {
  const streams = [...sources];
  const taken = new Set<S>();
  for (const step of steps) {
    const first = streams[step.input % streams.length] as S;
    const second = streams[step.second % streams.length] as S;
    const outputs = apply(step, first, second);
    streams.push(...outputs);
    if (outputs.length === 0) continue;
    taken.add(first);
    if (takesTwo(step.kind)) taken.add(second);
  }
  return streams.filter((stream) => !taken.has(stream));
}

export interface ResolvedTopology extends Topology {
  /** What the sinks must have in the end, sorted. */
  readonly expected: readonly string[];
}

/** The same with the records of each split up to where it was read. */
export function readUpTo(topology: Topology, position: (source: number, split: number) => number): ResolvedTopology {
  const sources = topology.sources.map((splits, i) => splits.map((records, j) => records.slice(0, position(i, j))));
  return resolveTopology({ ...topology, sources });
}

/** Leaves out the steps that would put out too much or are left to chance, and says what is right. */
export function resolveTopology(topology: Topology): ResolvedTopology {
  const { sources, countedEnds } = topology;
  const steps: Step[] = [];
  const outputs = ends(
    topology.steps,
    sources.map((splits) => splits.flat().map(({ k, v, t }): Item => ({ k, v, t }))),
    (step, first, second) => {
      const streams = stepDefinition(step.kind).model(step, first, second);
      if (streams === undefined || streams.some((items) => items.length > MOST_RECORDS)) return [];
      steps.push(step);
      return streams;
    },
  );
  const expected = outputs.flatMap((items, i) => (isCounted(countedEnds, i) ? countedModel(items) : items).map(written(i)));
  return { ...topology, steps, expected: expected.sort() };
}

/** Builds the program. Every operator has a uid that stays the same at any parallelism. */
export function buildTopology(
  env: StreamExecutionEnvironment,
  { sources, steps, countedEnds, maxParallelism, chaining }: ResolvedTopology,
  parallelisms: Parallelisms,
  sinkOf: (end: number) => Sink<string, any>,
  context: StepContext,
): void {
  let operators = 0;
  const nextParallelism = (): number => parallelisms[operators % parallelisms.length] as number;
  const set = (operator: SingleOutputStreamOperator<Item>, chained: boolean): SingleOutputStreamOperator<Item> => {
    operator.uid(`operator-${operators++}`);
    return chained ? operator : operator.disableChaining();
  };
  env.setMaxParallelism(maxParallelism);
  if (!chaining) env.disableOperatorChaining();
  const widths = new Map<DataStream<Item>, number>();
  const strategy = WatermarkStrategy.forBoundedOutOfOrderness<Item>(OUT_OF_ORDERNESS_MS);
  const roots = sources.map((splits, i): DataStream<Item> => {
    const parallelism = nextParallelism();
    env.setParallelism(parallelism);
    const source = new ReplayableSource(splits, context.faults, (...read) => context.onPosition?.(i, ...read));
    const root = set(env.fromSource(context.wrapSource?.(source) ?? source, strategy), true);
    widths.set(root, parallelism);
    return root;
  });
  const apply = (step: Step, first: DataStream<Item>, second: DataStream<Item>): DataStream<Item>[] => {
    const forward = step.exchange === 'FORWARD' || step.kind === 'DIAMOND';
    const parallelism = step.kind === 'WINDOW_ALL' ? 1 : forward ? (widths.get(first) as number) : nextParallelism();
    env.setParallelism(parallelism);
    const [operator, ...others] = stepDefinition(step.kind).program(step, first, second, context);
    set(operator, step.chained);
    for (const stream of [operator, ...others]) widths.set(stream, parallelism);
    return [operator, ...others];
  };
  ends(steps, roots, apply).forEach((stream, i) => {
    env.setParallelism(nextParallelism());
    const end = isCounted(countedEnds, i) ? set(counted(stream, context), true) : stream;
    end.map(written(i)).uid(`written-${i}`).sinkTo(sinkOf(i)).uid(`sink-${i}`);
  });
}

function isCounted(countedEnds: readonly boolean[], end: number): boolean {
  return countedEnds[end % countedEnds.length] ?? false;
}

function written(end: number): (item: Item) => string {
  return ({ k, v, t }) => `${end}: ${k} ${v} ${t}`;
}
