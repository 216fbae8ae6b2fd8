/** The context of a window's function, and state per window: one object per operator, pointed at each window in turn. */
import { MillraceError } from '../../common/index.ts';
import type { OutputTag } from '../../connector/index.ts';
import type { NamespacedState } from '../../state/index.ts';
import type { KeyedStateStore } from '../functions.ts';
import type { OperatorContext } from '../operator.ts';
import type { Window } from './window.ts';
import type { ProcessWindowContext } from './window-functions.ts';

export class WindowFunctionContext<W extends Window> implements ProcessWindowContext<W> {
  window!: W;
  private readonly context: OperatorContext;
  private readonly perWindow: KeyedStateStore | undefined;

  /** @param nameOf the namespace of a window's state; `undefined` if windows merge and cannot have any */
  constructor(context: OperatorContext, nameOf: ((window: W) => string) | undefined) {
    this.context = context;
    this.perWindow = nameOf && this.storeOf(() => nameOf(this.window));
  }

  currentWatermark(): number {
    return this.context.currentKeyWatermark();
  }

  currentProcessingTime(): number {
    return this.context.processingTime.currentTimeMs();
  }

  windowState(): KeyedStateStore {
    if (this.perWindow) return this.perWindow;
    throw new MillraceError(
      'ILLEGAL_STATE',
      'State per window is not possible for windows that merge, such as sessions. Use globalState(), or keep what is needed in the accumulator.',
    );
  }

  globalState(): KeyedStateStore {
    return this.context.runtimeContext;
  }

  output<S>(tag: OutputTag<S>, value: S): void {
    this.context.output.collectTo(tag, value, this.window.maxTimestamp());
  }

  private storeOf(namespace: () => string): KeyedStateStore {
    const state = (descriptor: unknown): any => {
      const found = this.context.keyedState.getNamespacedState(descriptor as never) as NamespacedState;
      found.setCurrentNamespace(namespace());
      return found;
    };
    return {
      getState: state,
      getListState: state,
      getMapState: state,
      getReducingState: state,
      getAggregatingState: state,
    };
  }
}
