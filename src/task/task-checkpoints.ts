/**
 * The checkpoints of one task: barrier out, snapshot, writing, acknowledgement.
 *
 * The synchronous part runs between two records: operators flush (`prepareSnapshotPreBarrier`), the barrier goes out, and the
 * content of the snapshot is fixed. What follows runs beside the stream: state and records in flight are written, and when
 * all of it is durable the coordinator is told. A failure declines the checkpoint and leaves the task as it was.
 */
import { type Clock, MillraceError, toError } from '../common/index.ts';
import type { ChannelWriter, CheckpointBarrier, CheckpointOptions } from '../network/index.ts';
import type { CheckpointMetrics, InFlightState, InputTime, OperatorSubtaskState, TaskStateSnapshot } from '../protocol/index.ts';
import type { CheckpointOutput } from '../state/index.ts';
import type { AlignmentInfo } from './checkpoint-barrier-handler.ts';
import type { InputChannel } from './gate-input.ts';
import type { InFlightCapture } from './in-flight-capture.ts';
import type { OperatorChain, PendingChainSnapshot } from './operator-chain.ts';
import { broadcastEvent } from './record-writers.ts';

export interface TaskCheckpointsDependencies {
  readonly clock: Clock;
  readonly chain: OperatorChain;
  readonly inputs: readonly InputChannel[];
  readonly outputs: readonly ChannelWriter[];
  openOutput(directory: string): CheckpointOutput;
  acknowledge(checkpointId: number, state: TaskStateSnapshot, metrics: CheckpointMetrics): void;
  decline(checkpointId: number, reason: Error): void;
}

interface Running {
  readonly capture: InFlightCapture | undefined;
  readonly inputTime: InputTime | undefined;
  readonly pending: PendingChainSnapshot;
  aborted: boolean;
}

export class TaskCheckpoints {
  private readonly dependencies: TaskCheckpointsDependencies;
  private readonly running = new Map<number, Running>();
  /** For metrics. */
  lastAlignmentMs = 0;
  lastStartDelayMs = 0;

  constructor(dependencies: TaskCheckpointsDependencies) {
    this.dependencies = dependencies;
  }

  /**
   * The synchronous part, after `prepareSnapshotPreBarrier`.
   * @param inputTime as of now
   * @param finished the task has processed all its input
   */
  take(
    barrier: CheckpointBarrier,
    info: AlignmentInfo,
    capture: () => InFlightCapture | undefined,
    inputTime: InputTime | undefined,
    finished: boolean,
  ): void {
    const { clock, chain, outputs } = this.dependencies;
    const { checkpointId, options } = barrier;
    const startMs = clock.monotonicMs();
    this.lastAlignmentMs = info.alignmentDurationMs;
    this.lastStartDelayMs = Math.max(0, clock.currentTimeMs() - barrier.timestampMs - info.alignmentDurationMs);
    broadcastEvent(outputs, barrier);
    let captured: InFlightCapture | undefined;
    let pending: PendingChainSnapshot;
    try {
      captured = capture();
      pending = chain.startSnapshot(checkpointId, options.kind === 'SAVEPOINT');
    } catch (error) {
      captured?.abort(toError(error));
      this.dependencies.decline(checkpointId, toError(error));
      return;
    }
    const running: Running = { capture: captured, inputTime, pending, aborted: false };
    this.running.set(checkpointId, running);
    const syncDurationMs = clock.monotonicMs() - startMs;
    void this.write(checkpointId, options, running, { ...info, syncDurationMs }, finished);
  }

  aborted(checkpointId: number): void {
    const running = this.running.get(checkpointId);
    if (running === undefined) return;
    running.aborted = true;
    this.running.delete(checkpointId);
    running.capture?.abort(new MillraceError('CHECKPOINT_FAILED', `Checkpoint ${checkpointId} was aborted.`));
  }

  close(): void {
    for (const checkpointId of [...this.running.keys()]) this.aborted(checkpointId);
  }

  private async write(
    checkpointId: number,
    options: CheckpointOptions,
    running: Running,
    info: AlignmentInfo & { readonly syncDurationMs: number },
    finished: boolean,
  ): Promise<void> {
    const { clock, chain, openOutput } = this.dependencies;
    const startMs = clock.monotonicMs();
    try {
      const output = openOutput(options.directory);
      const [states, inFlight] = await Promise.all([
        running.pending.write(output),
        running.capture === undefined ? [] : this.writeInFlight(running.capture, output),
      ]);
      if (running.aborted) return;
      this.running.delete(checkpointId);
      const operators: Record<string, OperatorSubtaskState> = { ...states };
      const head = chain.head.options.operatorId;
      const { inputTime } = running;
      operators[head] = {
        ...(operators[head] as OperatorSubtaskState),
        ...(inFlight.length > 0 ? { inFlight } : {}),
        ...(inputTime === undefined ? {} : { inputTime }),
      };
      const checkpointedBytes = Object.values(operators).reduce((sum, s) => sum + stateBytes(s), 0);
      this.dependencies.acknowledge(
        checkpointId,
        { operators, finished },
        {
          syncDurationMs: info.syncDurationMs,
          asyncDurationMs: clock.monotonicMs() - startMs,
          alignmentDurationMs: info.alignmentDurationMs,
          startDelayMs: this.lastStartDelayMs,
          bytesPersistedDuringAlignment: running.capture?.capturedBytes ?? 0,
          stateBytes: checkpointedBytes,
          checkpointedBytes,
          unaligned: info.unaligned,
        },
      );
    } catch (error) {
      if (running.aborted) return;
      this.running.delete(checkpointId);
      running.capture?.abort(toError(error));
      this.dependencies.decline(checkpointId, toError(error));
    }
  }

  private async writeInFlight(capture: InFlightCapture, output: CheckpointOutput): Promise<InFlightState[]> {
    const written: InFlightState[] = [];
    for (const { channel, records } of await capture.complete) {
      const stream = await output.createStream('EXCLUSIVE');
      try {
        for (const bytes of records) await stream.write(bytes);
        const { edge, producerSubtask } = this.dependencies.inputs[channel] as InputChannel;
        written.push({ edge, producerSubtask, records: await stream.finish() });
      } catch (error) {
        await stream.abort();
        throw error;
      }
    }
    return written;
  }
}

/** How many bytes the handles of a state refer to. */
function stateBytes(state: OperatorSubtaskState): number {
  const lengthOf = (handle: { kind: 'INLINE'; bytes: Uint8Array } | { kind: 'FILE'; length: number } | undefined): number =>
    handle === undefined ? 0 : handle.kind === 'INLINE' ? handle.bytes.length : handle.length;
  const { keyed } = state;
  let bytes = lengthOf(state.operator) + lengthOf(state.timers);
  if (keyed?.format === 'KEY_GROUPS') bytes += lengthOf(keyed.content);
  else if (keyed) bytes += lengthOf(keyed.meta) + keyed.files.reduce((sum, f) => sum + lengthOf(f.handle), 0);
  for (const { records } of state.inFlight ?? []) bytes += lengthOf(records);
  return bytes;
}
