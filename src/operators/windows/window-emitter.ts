/** How the fast window operators emit: the result of an accumulator, by way of the window's function if there is one. */
import type { CanonicalKey, KeyedStateBackend } from '../../state/index.ts';
import type { OperatorContext } from '../operator.ts';
import { TimestampedCollector } from '../process-operators.ts';
import { TimeWindow } from './window.ts';
import type { WindowAggregate } from './window-aggregate.ts';
import { WindowFunctionContext } from './window-function-context.ts';
import type { WindowOperation } from './window-operation.ts';

export class WindowEmitter {
  private readonly operation: WindowOperation;
  private readonly aggregate: WindowAggregate;
  private readonly backend: KeyedStateBackend;
  private readonly collector: TimestampedCollector<unknown>;
  private readonly functionContext: WindowFunctionContext<TimeWindow>;

  /** @param merges whether windows merge, and so have no state of their own */
  constructor(operation: WindowOperation, aggregate: WindowAggregate, context: OperatorContext, merges: boolean) {
    this.operation = operation;
    this.aggregate = aggregate;
    this.backend = context.keyedState;
    this.collector = new TimestampedCollector(context.output);
    const nameOf = merges ? undefined : (window: TimeWindow): string => window.toString();
    this.functionContext = new WindowFunctionContext(context, nameOf);
  }

  /** @param accumulator is given away: the program may change it */
  emit(start: number, end: number, key: CanonicalKey, accumulator: unknown): void {
    const { collector, functionContext, backend } = this;
    const { windowFunction, contents } = this.operation;
    const result = this.aggregate.result(accumulator);
    collector.timestamp = end - 1;
    if (windowFunction === undefined) {
      collector.collect(result);
      return;
    }
    const { window } = functionContext;
    if (window === undefined || window.start !== start || window.end !== end) functionContext.window = new TimeWindow(start, end);
    backend.setCurrentCanonicalKey(key);
    windowFunction.process(
      backend.currentKey,
      functionContext,
      contents.kind === 'ELEMENTS' ? (result as unknown[]) : [result],
      collector,
    );
  }
}
