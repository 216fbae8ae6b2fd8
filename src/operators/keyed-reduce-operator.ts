/** Rolling reduce: the current result of a key goes out with every record of that key. */
import { type ReduceFunction, type ValueState, ValueStateDescriptor } from '../state/index.ts';
import { methodOf, richOf } from './functions.ts';
import type { OperatorContext, Output, StreamOperator } from './operator.ts';

export class KeyedReduceOperator<T> implements StreamOperator<T, T> {
  readonly oneToOne = true;
  readonly userFunction: ReduceFunction<T>;
  private readonly reduce: (a: T, b: T) => T;
  private state!: ValueState<T>;
  private output!: Output<T>;

  constructor(fn: ReduceFunction<T>) {
    this.userFunction = fn;
    this.reduce = methodOf(fn, 'reduce');
  }

  open(context: OperatorContext<T>): void | Promise<void> {
    this.output = context.output;
    this.state = context.keyedState.getPartitionedState(new ValueStateDescriptor<T>('_op_state'));
    return richOf(this.userFunction)?.open?.(context.runtimeContext);
  }

  processElement(value: T, timestamp: number): void {
    const { state } = this;
    const current = state.value();
    const result = current === undefined ? value : this.reduce(current, value);
    state.update(result);
    this.output.collect(result, timestamp);
  }

  close(): void | Promise<void> {
    return richOf(this.userFunction)?.close?.();
  }
}
