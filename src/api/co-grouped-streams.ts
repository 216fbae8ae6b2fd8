/**
 * coGroup: for every key and window, the records of two streams side by side.
 *
 * As in Flink, it is no operator of its own: the records of both streams are tagged with where they come from, united,
 * keyed, and put into windows; the function sorts them out again when a window fires. So every assigner, trigger and
 * evictor works here as on any windowed stream, and sees tagged records.
 */
import {
  type CoGroupFunction,
  type Evictor,
  type KeySelector,
  lifeCycleOf,
  MapOperator,
  methodOf,
  type RichCoGroupFunction,
  type Trigger,
  type Window,
  type WindowAssigner,
} from '../operators/index.ts';
import type { DataStream, SingleOutputStreamOperator } from './data-stream.ts';
import type { WindowedStream } from './windowed-stream.ts';

/** A record of the first stream (`input` 0) or of the second (`input` 1). */
export type TaggedUnion<A, B> = { readonly input: 0; readonly value: A } | { readonly input: 1; readonly value: B };

export class CoGroupedStreams<A, B> {
  private readonly first: DataStream<A>;
  private readonly second: DataStream<B>;

  constructor(first: DataStream<A>, second: DataStream<B>) {
    this.first = first;
    this.second = second;
  }

  /** The key of the records of the first stream. */
  where<K>(keySelector: KeySelector<A, K>): CoGroupWhere<A, B, K> {
    return new CoGroupWhere(this.first, this.second, keySelector);
  }
}

export class CoGroupWhere<A, B, K> {
  private readonly first: DataStream<A>;
  private readonly second: DataStream<B>;
  private readonly firstKey: KeySelector<A, K>;

  constructor(first: DataStream<A>, second: DataStream<B>, firstKey: KeySelector<A, K>) {
    this.first = first;
    this.second = second;
    this.firstKey = firstKey;
  }

  /** The key of the records of the second stream. */
  equalTo(keySelector: KeySelector<B, K>): CoGroupEqualTo<A, B, K> {
    return new CoGroupEqualTo(this.first, this.second, this.firstKey, keySelector);
  }
}

export class CoGroupEqualTo<A, B, K> {
  private readonly first: DataStream<A>;
  private readonly second: DataStream<B>;
  private readonly firstKey: KeySelector<A, K>;
  private readonly secondKey: KeySelector<B, K>;

  constructor(first: DataStream<A>, second: DataStream<B>, firstKey: KeySelector<A, K>, secondKey: KeySelector<B, K>) {
    this.first = first;
    this.second = second;
    this.firstKey = firstKey;
    this.secondKey = secondKey;
  }

  window<W extends Window>(assigner: WindowAssigner<TaggedUnion<A, B>, W>): CoGroupWithWindow<A, B, K, W> {
    const { firstKey, secondKey } = this;
    const union = tag<A, A, B>(this.first, (value) => ({ input: 0, value })).union(
      tag<B, A, B>(this.second, (value) => ({ input: 1, value })),
    );
    const keyed = union.keyBy((record): K => (record.input === 0 ? firstKey(record.value) : secondKey(record.value)));
    return new CoGroupWithWindow(keyed.window(assigner));
  }
}

export class CoGroupWithWindow<A, B, K, W extends Window> {
  private readonly windowed: WindowedStream<TaggedUnion<A, B>, K, W>;

  constructor(windowed: WindowedStream<TaggedUnion<A, B>, K, W>) {
    this.windowed = windowed;
  }

  /** As on a windowed stream. @throws MillraceError `INVALID_PROGRAM` if the windows merge and the trigger cannot */
  trigger(trigger: Trigger<TaggedUnion<A, B>, W>): this {
    this.windowed.trigger(trigger);
    return this;
  }

  evictor(evictor: Evictor<TaggedUnion<A, B>, W>): this {
    this.windowed.evictor(evictor);
    return this;
  }

  /** As on a windowed stream, in milliseconds. */
  allowedLateness(latenessMs: number): this {
    this.windowed.allowedLateness(latenessMs);
    return this;
  }

  /**
   * Calls `fn` for every key and window that has a record of either stream. What it returns or gives to `out` is emitted
   * with the window's last time.
   */
  apply<R>(fn: CoGroupFunction<A, B, R>): SingleOutputStreamOperator<R> {
    const coGroup = methodOf<RichCoGroupFunction<A, B, R>['coGroup']>(fn, 'coGroup');
    return this.windowed.process<R>({
      ...lifeCycleOf(fn),
      process(_key, _context, records, out) {
        const first: A[] = [];
        const second: B[] = [];
        for (const record of records) {
          if (record.input === 0) first.push(record.value);
          else second.push(record.value);
        }
        const results = coGroup(first, second, out);
        if (results !== undefined) for (const result of results) out.collect(result);
      },
    });
  }
}

/** Tagging takes place where the records are: with the parallelism of their stream. */
function tag<T, A, B>(stream: DataStream<T>, withTag: (value: T) => TaggedUnion<A, B>): DataStream<TaggedUnion<A, B>> {
  const parallelism = Math.max(...stream.refs.map((ref) => stream.env.nodeOf(ref.node).parallelism));
  return stream.transform<TaggedUnion<A, B>>('Map', { create: () => new MapOperator(withTag) }).setParallelism(parallelism);
}
