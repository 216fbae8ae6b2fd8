/**
 * Joins records of two keyed streams with equal keys whose times lie within an interval of each other.
 */
import type { OutputTag } from '../connector/index.ts';
import { IntervalJoinOperator, type IntervalJoinOptions, type ProcessJoinFunction } from '../operators/index.ts';
import { checkFunction } from './check-function.ts';
import type { SingleOutputStreamOperator } from './data-stream.ts';
import type { KeyedStream } from './keyed-stream.ts';

export class IntervalJoin<K, A, B> {
  private readonly left: KeyedStream<A, K>;
  private readonly right: KeyedStream<B, K>;

  constructor(left: KeyedStream<A, K>, right: KeyedStream<B, K>) {
    this.left = left;
    this.right = right;
  }

  /**
   * Pairs with `left + lowerMs <= right <= left + upperMs`, in event time. Bounds may be negative.
   * @param lowerMs milliseconds
   * @param upperMs milliseconds
   */
  between(lowerMs: number, upperMs: number): IntervalJoined<K, A, B> {
    return new IntervalJoined(this.left, this.right, { lowerBoundMs: lowerMs, upperBoundMs: upperMs });
  }
}

export class IntervalJoined<K, A, B> {
  private readonly left: KeyedStream<A, K>;
  private readonly right: KeyedStream<B, K>;
  private readonly options: IntervalJoinOptions<A, B>;
  private lowerExclusive = false;
  private upperExclusive = false;

  constructor(left: KeyedStream<A, K>, right: KeyedStream<B, K>, options: IntervalJoinOptions<A, B>) {
    this.left = left;
    this.right = right;
    this.options = options;
  }

  lowerBoundExclusive(): this {
    this.lowerExclusive = true;
    return this;
  }

  upperBoundExclusive(): this {
    this.upperExclusive = true;
    return this;
  }

  /** Late records of the left stream go to this side output of the result instead of being dropped. */
  sideOutputLeftLateData(tag: OutputTag<A>): this {
    return this.with({ leftLateTag: tag });
  }

  /** Late records of the right stream go to this side output of the result instead of being dropped. */
  sideOutputRightLateData(tag: OutputTag<B>): this {
    return this.with({ rightLateTag: tag });
  }

  /**
   * The results have the later time of the two.
   * @throws MillraceError `INVALID_PROGRAM` if the lower bound is above the upper one
   */
  process<R>(fn: ProcessJoinFunction<A, B, R> | ((left: A, right: B) => R)): SingleOutputStreamOperator<R> {
    checkFunction(this.process, fn, { methods: ['processElement'] });
    const options = {
      ...this.options,
      lowerBoundMs: this.options.lowerBoundMs + (this.lowerExclusive ? 1 : 0),
      upperBoundMs: this.options.upperBoundMs - (this.upperExclusive ? 1 : 0),
    };
    const join: ProcessJoinFunction<A, B, R> =
      typeof fn === 'function' ? { processElement: (left, right, _context, out) => out.collect(fn(left, right)) } : fn;
    const create = (): IntervalJoinOperator<A, B, R> => new IntervalJoinOperator(join, options);
    create();
    return this.left.addTransformation<R>({
      operatorType: 'Interval Join',
      name: 'Interval Join',
      definition: { create, keySelectors: [this.left.keySelector, this.right.keySelector] },
      inputs: [this.left.refs, this.right.refs],
      keyed: true,
    });
  }

  private with(options: Partial<IntervalJoinOptions<A, B>>): this {
    Object.assign(this.options, options);
    return this;
  }
}
