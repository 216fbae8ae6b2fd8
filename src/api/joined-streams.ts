/**
 * Window join: every pair of records of two streams that have the same key and lie in the same window. A coGroup whose
 * function goes over all pairs.
 */
import {
  type Evictor,
  type JoinFunction,
  type KeySelector,
  lifeCycleOf,
  methodOf,
  type RichCoGroupFunction,
  type RichJoinFunction,
  type Trigger,
  type Window,
  type WindowAssigner,
} from '../operators/index.ts';
import {
  type CoGroupEqualTo,
  CoGroupedStreams,
  type CoGroupWhere,
  type CoGroupWithWindow,
  type TaggedUnion,
} from './co-grouped-streams.ts';
import type { DataStream, SingleOutputStreamOperator } from './data-stream.ts';

export class JoinedStreams<A, B> {
  private readonly coGrouped: CoGroupedStreams<A, B>;

  constructor(first: DataStream<A>, second: DataStream<B>) {
    this.coGrouped = new CoGroupedStreams(first, second);
  }

  /** The key of the records of the first stream. */
  where<K>(keySelector: KeySelector<A, K>): JoinWhere<A, B, K> {
    return new JoinWhere(this.coGrouped.where(keySelector));
  }
}

export class JoinWhere<A, B, K> {
  private readonly coGrouped: CoGroupWhere<A, B, K>;

  constructor(coGrouped: CoGroupWhere<A, B, K>) {
    this.coGrouped = coGrouped;
  }

  /** The key of the records of the second stream. */
  equalTo(keySelector: KeySelector<B, K>): JoinEqualTo<A, B, K> {
    return new JoinEqualTo(this.coGrouped.equalTo(keySelector));
  }
}

export class JoinEqualTo<A, B, K> {
  private readonly coGrouped: CoGroupEqualTo<A, B, K>;

  constructor(coGrouped: CoGroupEqualTo<A, B, K>) {
    this.coGrouped = coGrouped;
  }

  window<W extends Window>(assigner: WindowAssigner<TaggedUnion<A, B>, W>): JoinWithWindow<A, B, K, W> {
    return new JoinWithWindow(this.coGrouped.window(assigner));
  }
}

export class JoinWithWindow<A, B, K, W extends Window> {
  private readonly coGrouped: CoGroupWithWindow<A, B, K, W>;

  constructor(coGrouped: CoGroupWithWindow<A, B, K, W>) {
    this.coGrouped = coGrouped;
  }

  /** As on a windowed stream. @throws MillraceError `INVALID_PROGRAM` if the windows merge and the trigger cannot */
  trigger(trigger: Trigger<TaggedUnion<A, B>, W>): this {
    this.coGrouped.trigger(trigger);
    return this;
  }

  evictor(evictor: Evictor<TaggedUnion<A, B>, W>): this {
    this.coGrouped.evictor(evictor);
    return this;
  }

  /** As on a windowed stream, in milliseconds. */
  allowedLateness(latenessMs: number): this {
    this.coGrouped.allowedLateness(latenessMs);
    return this;
  }

  /**
   * Calls `fn` with every pair. What it returns (unless `undefined`) or gives to `out` is emitted with the window's last
   * time.
   */
  apply<R>(fn: JoinFunction<A, B, R>): SingleOutputStreamOperator<R> {
    const join = methodOf<RichJoinFunction<A, B, R>['join']>(fn, 'join');
    const pairs: RichCoGroupFunction<A, B, R> = {
      ...lifeCycleOf(fn),
      coGroup(first, second, out) {
        for (const a of first) {
          for (const b of second) {
            const result = join(a, b, out);
            if (result !== undefined) out.collect(result as R);
          }
        }
      },
    };
    return this.coGrouped.apply<R>(pairs);
  }
}
