/**
 * Replays what was in flight in the checkpoint that a task goes on from: every record under the watermark under which its old
 * subtask would have processed it.
 *
 * Each old subtask has a valve of its own, as it was when the snapshot was taken, and its channels are read in turn, as by a gate:
 * what one of them had said does not wait behind all that another had on its way. Where the task has its old channels, that is all. Otherwise records come from
 * several old subtasks, and a watermark counts only when it holds for all of them: so the old subtask whose time is furthest
 * back always goes first, and the watermark of the task is the one of the record at hand. That is possible because channels
 * from every producer to every consumer carry the same watermarks up to the barrier: in the end, all old subtasks are at the
 * same time, and it is that of the producers, whoever reads on from them now. The end of time does not count: whoever has
 * ended says so again.
 */
import { decodeElements, type InFlightRecords, WatermarkValve, type WatermarkValveState } from '../network/index.ts';

/** What was in flight towards one old subtask. */
export interface InFlightOfSubtask {
  /** Where its channels were; absent: what it was told in flight does not count. */
  readonly time: WatermarkValveState | undefined;
  readonly channels: readonly InFlightChannel[];
}

export interface InFlightChannel {
  /** Among the channels of `time`. */
  readonly position: number;
  /** Which input of the head operator it feeds: 0 or 1. */
  readonly input: number;
  /** As `decodeElements` reads them. */
  readonly elements: Uint8Array;
  /** Whether a record belongs to this subtask. */
  accepts(value: unknown): boolean;
}

export interface ReplayTarget {
  process(input: number, records: InFlightRecords): void;
  processWatermark(timestamp: number): void;
}

/** To a task that has its old channels: `valve` is its own, and knows where they were. */
export function replayThrough(valve: WatermarkValve, channels: readonly InFlightChannel[], target: ReplayTarget): void {
  for (const _ of replaySubtask(valve, channels, target));
}

/** To a task with other channels. */
export function replayMoved(subtasks: readonly InFlightOfSubtask[], target: ReplayTarget): void {
  const valves: (WatermarkValve | undefined)[] = [];
  const timeOf = (i: number): number => valves[i]?.emitted ?? Number.NEGATIVE_INFINITY;
  let reached = Number.NEGATIVE_INFINITY;
  const output = {
    emitWatermark(): void {
      const lowest = Math.min(...valves.map((_, i) => timeOf(i)));
      if (lowest <= reached || lowest === Number.POSITIVE_INFINITY) return;
      reached = lowest;
      target.processWatermark(lowest);
    },
    emitIdle(): void {
      // Who is idle says so again.
    },
  };
  for (const { time } of subtasks) valves.push(time && WatermarkValve.restore(time, output));
  let left = subtasks.map(({ channels }, i) => ({ i, steps: replaySubtask(valves[i], channels, target) }));
  while (left.length > 0) {
    const first = left.reduce((a, b) => (timeOf(b.i) < timeOf(a.i) ? b : a));
    if (first.steps.next().done) left = left.filter((subtask) => subtask !== first);
  }
}

/** One element of each channel in turn. Yields after each, which may have moved the valve. */
function* replaySubtask(
  valve: WatermarkValve | undefined,
  channels: readonly InFlightChannel[],
  target: ReplayTarget,
): Generator<void, void> {
  let left = channels.map((channel) => ({ ...channel, rest: decodeElements(channel.elements, channel.accepts) }));
  while (left.length > 0) {
    const begun = left;
    left = [];
    for (const channel of begun) {
      const { position, input, rest } = channel;
      const { value: element } = rest.next();
      if (element === undefined) continue;
      left.push(channel);
      if (element.type === 'RECORDS') target.process(input, element);
      else if (element.type === 'WATERMARK') valve?.watermark(position, element.timestamp);
      else valve?.status(position, element.idle);
      yield;
    }
  }
}
