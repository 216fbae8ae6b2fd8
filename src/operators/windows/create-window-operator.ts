/**
 * Chooses the operator for a windowed stream: the general one, unless a faster one does the same; and of those, the one that
 * keeps its contents where the state backend does.
 */
import type { OperatorSetting, StreamOperator } from '../operator.ts';
import { EventTimeTrigger } from './event-time-trigger.ts';
import { ProcessingTimeTrigger } from './processing-time-trigger.ts';
import { SessionWindowOperator } from './session-window-operator.ts';
import { EventTimeSessionWindows } from './session-windows.ts';
import { SliceWindowOperator } from './slice-window-operator.ts';
import { StoredSessionWindowOperator } from './stored-session-window-operator.ts';
import { StoredSliceWindowOperator } from './stored-slice-window-operator.ts';
import { type AlignedWindowAssigner, isAlignedAssigner } from './window-assigner.ts';
import type { WindowOperation } from './window-operation.ts';
import { WindowOperator } from './window-operator.ts';

export function createWindowOperator(operation: WindowOperation, setting?: OperatorSetting): StreamOperator {
  const { assigner } = operation;
  const offHeap = setting?.keepsStateOffHeap ?? false;
  if (isAlignedAssigner(assigner) && canSlice(operation, assigner)) {
    return offHeap ? new StoredSliceWindowOperator(operation, assigner) : new SliceWindowOperator(operation, assigner);
  }
  if (assigner instanceof EventTimeSessionWindows && canRunSessions(operation)) {
    return offHeap ? new StoredSessionWindowOperator(operation, assigner) : new SessionWindowOperator(operation, assigner);
  }
  return new WindowOperator(operation);
}

function canRunSessions({ evictor, trigger, windowFunction }: WindowOperation): boolean {
  return !evictor && !windowFunction?.clear && trigger instanceof EventTimeTrigger;
}

/**
 * Not if anything is to be done per key and window: an evictor, a trigger of the program's, a function that clears. And
 * where windows overlap, only if contents can be merged; lists of elements would lose their order of arrival.
 */
function canSlice(operation: WindowOperation, assigner: AlignedWindowAssigner): boolean {
  const { sizeMs, slideMs } = assigner.alignment;
  if (operation.evictor || operation.windowFunction?.clear || slideMs > sizeMs) return false;
  const { trigger, contents } = operation;
  const isDefaultTrigger = assigner.isEventTime()
    ? trigger instanceof EventTimeTrigger
    : trigger instanceof ProcessingTimeTrigger;
  if (!isDefaultTrigger) return false;
  if (sizeMs === slideMs) return true;
  return contents.kind === 'REDUCE' || (contents.kind === 'AGGREGATE' && typeof contents.aggregateFunction.merge === 'function');
}
