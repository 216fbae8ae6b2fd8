/**
 * The last watermark, kept across a restore.
 *
 * Why: what is late is decided by the watermark. Flink starts again without one, so that records which were dropped before a
 * failure may open their window a second time after it; here, a restored job decides as the one that failed would have.
 * Invariants: after a rescale, the smallest watermark of all subtasks counts, so nothing is late that was not late
 * everywhere; the watermark that closes all time is forgotten, so that a drained job can be continued.
 */
import { type ListState, ListStateDescriptor } from '../../state/index.ts';
import { MAX_WATERMARK, MIN_WATERMARK, type OperatorContext } from '../operator.ts';

export class RememberedWatermark {
  private readonly context: OperatorContext;
  private readonly state: ListState<number>;
  private readonly restored: number;

  constructor(context: OperatorContext) {
    this.context = context;
    this.state = context.operatorState.getUnionListState(new ListStateDescriptor<number>('window-watermark'));
    const known = [...this.state.get()];
    this.restored = known.length === 0 ? MIN_WATERMARK : Math.min(...known);
  }

  current(): number {
    const current = this.context.currentWatermark();
    return current > this.restored ? current : this.restored;
  }

  prepareSnapshot(): void {
    const current = this.current();
    this.state.update([current === MAX_WATERMARK ? MIN_WATERMARK : current]);
  }
}
