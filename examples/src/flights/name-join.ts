/**
 * Adds names to records that have codes: a left outer join of a stream with a table that arrives as a stream, too.
 *
 * Between two connected streams there is no order, so a record may come before the name of its code: it waits in state. What
 * still waits when both streams have ended (a timer at the end of time) has a code that the table lacks, and keeps the code for a name.
 */
import {
  type Collector,
  type KeyedCoProcessFunction,
  type KeyedProcessContext,
  type ListState,
  ListStateDescriptor,
  type RuntimeContext,
  type ValueState,
  ValueStateDescriptor,
} from 'millrace';

export interface Named {
  readonly code: string;
  readonly name: string;
}

const END_OF_TIME = Number.MAX_SAFE_INTEGER;

export class NameJoin<T, R> implements KeyedCoProcessFunction<string, T, Named, R> {
  private readonly withName: (value: T, name: string) => R;
  private name!: ValueState<string>;
  private waiting!: ListState<T>;

  constructor(withName: (value: T, name: string) => R) {
    this.withName = withName;
  }

  open(context: RuntimeContext): void {
    this.name = context.getState(new ValueStateDescriptor<string>('name'));
    this.waiting = context.getListState(new ListStateDescriptor<T>('waiting'));
  }

  processElement1(value: T, context: KeyedProcessContext<string>, out: Collector<R>): void {
    const name = this.name.value();
    if (name !== undefined) {
      out.collect(this.withName(value, name));
    } else {
      this.waiting.add(value);
      context.timerService.registerEventTimeTimer(END_OF_TIME);
    }
  }

  processElement2({ name }: Named, context: KeyedProcessContext<string>, out: Collector<R>): void {
    this.name.update(name);
    this.release(name, out);
    context.timerService.deleteEventTimeTimer(END_OF_TIME);
  }

  onTimer(_timestamp: number, context: KeyedProcessContext<string>, out: Collector<R>): void {
    this.release(context.getCurrentKey(), out);
  }

  private release(name: string, out: Collector<R>): void {
    for (const value of this.waiting.get()) out.collect(this.withName(value, name));
    this.waiting.clear();
  }
}
