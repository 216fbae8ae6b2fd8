/**
 * Decides when a task with input channels takes a checkpoint: the Chandy–Lamport algorithm with aligned and unaligned
 * barriers, as Flink's SingleCheckpointBarrierHandler.
 *
 * Aligned: a channel whose barrier has come is blocked until those of all others have; then the snapshot is taken, and
 * nothing is in flight. Unaligned: the snapshot is taken as soon as one channel announces the barrier, wherever in the channel
 * it waits; the records in front of the barriers are copied into the checkpoint and processed after it as usual. An aligned
 * checkpoint with a timeout becomes an unaligned one when it has been aligning for so long.
 *
 * Channels whose records cannot be dealt out anew after a rescale (pointwise, broadcast, custom) always align: the snapshot waits
 * for their barriers. A channel that has ended counts as one whose barrier has come. Checkpoints are begun in the order of
 * their ids, one at a time; what belongs to one that is over, or was overtaken, is ignored.
 */
import { type Clock, MillraceError, type TimerHandle } from '../common/index.ts';
import type { ChannelReader, CheckpointBarrier, ElementBatch, InFlightEvent } from '../network/index.ts';
import { InFlightCapture } from './in-flight-capture.ts';

export interface BarrierChannel {
  readonly channel: ChannelReader;
  /** Whether its records in flight may become part of a checkpoint. */
  readonly canBeUnaligned: boolean;
}

/** How the start of a checkpoint at a task looks: what its metrics say. */
export interface AlignmentInfo {
  readonly alignmentDurationMs: number;
  readonly unaligned: boolean;
}

export interface BarrierHandlerDependencies {
  readonly clock: Clock;
  /**
   * Takes the checkpoint, now or as soon as operators let it; no input is taken until then. `capture` is called at the moment of the
   * snapshot; `undefined` if nothing is in flight.
   */
  perform(barrier: CheckpointBarrier, info: AlignmentInfo, capture: () => InFlightCapture | undefined): void;
  /** A newer checkpoint came before this one had its barriers. */
  decline(checkpointId: number, reason: Error): void;
  /** Runs on the task's thread between records. */
  post(mail: () => void): void;
  /** Records `[from, …)` of the batch that the gate has begun, and the channel that it came from. */
  begunBatch(): { readonly channel: number; readonly batch: ElementBatch; readonly from: number } | undefined;
}

interface Alignment {
  readonly barrier: CheckpointBarrier;
  readonly startMs: number;
  readonly received: boolean[];
  started: boolean;
  timedOut: boolean;
  timer: TimerHandle | undefined;
  capture: InFlightCapture | undefined;
}

export class CheckpointBarrierHandler {
  private readonly channels: readonly BarrierChannel[];
  private readonly dependencies: BarrierHandlerDependencies;
  private readonly blocked: boolean[];
  private readonly ended: boolean[];
  private readonly anyUnaligned: boolean;
  private current: Alignment | undefined;
  /** The newest checkpoint that is over here. */
  private lastId = 0;

  constructor(channels: readonly BarrierChannel[], dependencies: BarrierHandlerDependencies) {
    this.channels = channels;
    this.dependencies = dependencies;
    this.blocked = channels.map(() => false);
    this.ended = channels.map(() => false);
    this.anyUnaligned = channels.some((c) => c.canBeUnaligned);
  }

  isBlocked(channel: number): boolean {
    return this.blocked[channel] as boolean;
  }

  /** The barrier was read from the channel. */
  barrier(channel: number, barrier: CheckpointBarrier): void {
    const alignment = this.alignmentFor(barrier);
    if (alignment === undefined) return;
    alignment.received[channel] = true;
    alignment.capture?.close(channel);
    if (!alignment.started) this.blocked[channel] = true;
    this.advance(alignment);
  }

  /** The channel will bring nothing more. */
  endOfPartition(channel: number): void {
    this.ended[channel] = true;
    this.blocked[channel] = false;
    const { current } = this;
    if (current === undefined) return;
    current.received[channel] = true;
    current.capture?.close(channel);
    this.advance(current);
  }

  /** The coordinator starts a checkpoint here, because all producers have ended: taken when all channels have. */
  trigger(barrier: CheckpointBarrier): void {
    const alignment = this.alignmentFor(barrier);
    if (alignment) this.advance(alignment);
  }

  /** The coordinator gave the checkpoint up. */
  aborted(checkpointId: number): void {
    const { current } = this;
    if (current?.barrier.checkpointId === checkpointId) this.end(current, new Error('The checkpoint was aborted.'));
    this.lastId = Math.max(this.lastId, checkpointId);
  }

  /** Looks for barriers that wait in the channels behind records. Called before every portion of input. */
  lookAhead(): void {
    if (!this.anyUnaligned) return;
    for (let i = 0; i < this.channels.length; i++) {
      const { channel } = this.channels[i] as BarrierChannel;
      const announced = channel.announcedBarrier;
      if (announced === undefined || announced.checkpointId <= this.lastId) continue;
      this.announced(i, announced.barrier);
    }
  }

  /** A batch comes out of the channel: part of the checkpoint if the barrier is still behind it. */
  batchTaken(channel: number, batch: ElementBatch): void {
    const capture = this.current?.capture;
    if (capture?.isOpen(channel)) capture.addBatch(channel, batch, 0);
  }

  /** The same for an event. */
  eventTaken(channel: number, event: InFlightEvent): void {
    const capture = this.current?.capture;
    if (capture?.isOpen(channel)) capture.addEvent(channel, event);
  }

  close(): void {
    if (this.current) this.end(this.current, new Error('The task has ended.'));
  }

  private announced(index: number, barrier: CheckpointBarrier): void {
    const { options } = barrier;
    if (options.alignment === 'ALIGNED' && options.alignedTimeoutMs === undefined) return;
    const alignment = this.alignmentFor(barrier);
    if (alignment === undefined || alignment.received[index]) return;
    const { capture } = alignment;
    if (capture?.isOpen(index)) this.captureQueued(capture, index);
    else if (!alignment.started) this.advance(alignment);
  }

  /** The alignment that the barrier belongs to; begins it. `undefined` if its checkpoint is over. */
  private alignmentFor(barrier: CheckpointBarrier): Alignment | undefined {
    const { checkpointId } = barrier;
    const { current } = this;
    if (current?.barrier.checkpointId === checkpointId) return current;
    if (checkpointId <= this.lastId || (current && current.barrier.checkpointId > checkpointId)) return undefined;
    if (current) {
      const reason = new MillraceError(
        'CHECKPOINT_FAILED',
        `Checkpoint ${checkpointId} began before this one had all its barriers.`,
      );
      const id = current.barrier.checkpointId;
      const declined = !current.started || current.capture?.isComplete === false;
      this.end(current, reason);
      if (declined) this.dependencies.decline(id, reason);
    }
    const { clock, post } = this.dependencies;
    const alignment: Alignment = {
      barrier,
      startMs: clock.monotonicMs(),
      received: [...this.ended],
      started: false,
      timedOut: false,
      timer: undefined,
      capture: undefined,
    };
    this.current = alignment;
    const { alignedTimeoutMs, alignment: kind } = barrier.options;
    if (kind === 'ALIGNED' && alignedTimeoutMs !== undefined && this.anyUnaligned) {
      alignment.timer = clock.setTimer(alignedTimeoutMs, () =>
        post(() => {
          if (this.current !== alignment) return;
          alignment.timedOut = true;
          this.advance(alignment);
        }),
      );
    }
    return alignment;
  }

  private advance(alignment: Alignment): void {
    const { received } = alignment;
    const all = received.every((r) => r);
    if (!alignment.started) {
      const unaligned = alignment.timedOut || alignment.barrier.options.alignment === 'UNALIGNED';
      const ready = all || (unaligned && this.channels.every((c, i) => received[i] || c.canBeUnaligned));
      if (!ready) return;
      alignment.started = true;
      alignment.timer?.cancel();
      this.blocked.fill(false);
      this.start(alignment);
    }
    if (all && this.current === alignment) this.finish(alignment);
  }

  private start(alignment: Alignment): void {
    const { barrier, received } = alignment;
    const inFlight = received.some((r) => !r);
    const alignmentDurationMs = this.dependencies.clock.monotonicMs() - alignment.startMs;
    const forwarded: CheckpointBarrier = alignment.timedOut
      ? { ...barrier, options: { ...barrier.options, alignment: 'UNALIGNED' } }
      : barrier;
    this.dependencies.perform(forwarded, { alignmentDurationMs, unaligned: inFlight }, () =>
      this.current === alignment ? this.capture(alignment) : undefined,
    );
  }

  private capture(alignment: Alignment): InFlightCapture | undefined {
    const missing = this.channels.map((_, i) => i).filter((i) => !alignment.received[i]);
    if (missing.length === 0) return undefined;
    const capture = new InFlightCapture(alignment.barrier.checkpointId, missing);
    alignment.capture = capture;
    const begun = this.dependencies.begunBatch();
    if (begun && capture.isOpen(begun.channel)) capture.addBatch(begun.channel, begun.batch, begun.from);
    for (const index of missing) {
      const announced = (this.channels[index] as BarrierChannel).channel.announcedBarrier;
      if (announced?.checkpointId === capture.checkpointId) this.captureQueued(capture, index);
    }
    return capture;
  }

  private captureQueued(capture: InFlightCapture, index: number): void {
    capture.add(index, (this.channels[index] as BarrierChannel).channel.captureUntilBarrier(capture.checkpointId));
    capture.close(index);
  }

  private finish(alignment: Alignment): void {
    this.current = undefined;
    this.lastId = alignment.barrier.checkpointId;
  }

  private end(alignment: Alignment, reason: Error): void {
    alignment.timer?.cancel();
    alignment.capture?.abort(reason);
    this.blocked.fill(false);
    this.current = undefined;
    this.lastId = Math.max(this.lastId, alignment.barrier.checkpointId);
  }
}
