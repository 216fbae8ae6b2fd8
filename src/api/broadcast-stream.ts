/**
 * A stream whose records go to every subtask of the operator that it is connected to, with the states that are kept of it.
 */
import {
  type BroadcastProcessFunction,
  BroadcastProcessOperator,
  type KeyedBroadcastProcessFunction,
  KeyedBroadcastProcessOperator,
  type KeySelector,
} from '../operators/index.ts';
import type { MapStateDescriptor } from '../state/index.ts';
import { checkFunction } from './check-function.ts';
import type { DataStream, SingleOutputStreamOperator } from './data-stream.ts';
import type { KeyedStream } from './keyed-stream.ts';

export class BroadcastStream<B> {
  /** @internal */
  readonly stream: DataStream<B>;
  /** @internal */
  readonly descriptors: readonly MapStateDescriptor<any, any>[];

  constructor(stream: DataStream<B>, descriptors: readonly MapStateDescriptor<any, any>[]) {
    this.stream = stream;
    this.descriptors = descriptors;
  }
}

/** A stream that is not keyed, connected to a broadcast one. */
export class BroadcastConnectedStream<T, B> {
  protected readonly stream: DataStream<T>;
  protected readonly broadcast: BroadcastStream<B>;

  constructor(stream: DataStream<T>, broadcast: BroadcastStream<B>) {
    this.stream = stream;
    this.broadcast = broadcast;
  }

  process<R>(fn: BroadcastProcessFunction<T, B, R>): SingleOutputStreamOperator<R> {
    checkFunction(this.process, fn, { methods: ['processElement', 'processBroadcastElement'], plain: false });
    const { stream, descriptors } = this.broadcast;
    return this.stream.addTransformation<R>({
      operatorType: 'Co-Process-Broadcast',
      name: 'Co-Process-Broadcast',
      definition: { create: () => new BroadcastProcessOperator(fn, descriptors) },
      inputs: [this.stream.refs, stream.refs],
    });
  }
}

/** A keyed stream connected to a broadcast one: its side has state and timers per key. */
export class KeyedBroadcastConnectedStream<K, T, B> extends BroadcastConnectedStream<T, B> {
  private readonly keySelector: KeySelector<T, K>;

  constructor(stream: KeyedStream<T, K>, broadcast: BroadcastStream<B>) {
    super(stream, broadcast);
    this.keySelector = stream.keySelector;
  }

  override process<R>(fn: KeyedBroadcastProcessFunction<K, T, B, R>): SingleOutputStreamOperator<R> {
    const methods = ['processElement', 'processBroadcastElement'];
    checkFunction(this.process, fn, { methods, optionalMethods: ['onTimer'], plain: false });
    const { stream, descriptors } = this.broadcast;
    return this.stream.addTransformation<R>({
      operatorType: 'Co-Process-Broadcast-Keyed',
      name: 'Co-Process-Broadcast-Keyed',
      definition: {
        create: () => new KeyedBroadcastProcessOperator(fn, descriptors),
        keySelectors: [this.keySelector, undefined],
      },
      inputs: [this.stream.refs, stream.refs],
      keyed: true,
    });
  }
}
