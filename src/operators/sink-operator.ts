/**
 * The end of a stream in a Sink: feeds its writer, and commits what it wrote.
 *
 * With checkpoints: what was written before a barrier is prepared before the barrier passes, is part of that checkpoint, and
 * is committed once that checkpoint, or a later one, is complete. Before the snapshot is durable nothing is visible; after it
 * is, the commit comes sooner or later, whatever fails: a restore commits what the checkpoint holds again, before any record.
 * So a commit may come twice, and never for records that will be written again. What is committed may be of any subtask: a
 * rescale deals committables out. A commit that fails fails the task, whose restart is the retry.
 * Without checkpoints there is one commit, at the end of input. After a failure or a cancellation nothing is committed.
 *
 * A writer that is not available makes the task stop taking input; that is where backpressure starts.
 */
import { MillraceError } from '../common/index.ts';
import {
  type Committer,
  type CommittingSinkWriter,
  NO_TIMESTAMP,
  type Sink,
  type SinkInitContext,
  type SinkWriter,
  type SinkWriterContext,
} from '../connector/index.ts';
import { ListStateDescriptor } from '../state/index.ts';
import {
  type ChainCode,
  type EmitCode,
  MIN_WATERMARK,
  type OperatorContext,
  type OperatorDefinition,
  type StreamOperator,
} from './operator.ts';

const COMMITTABLES = 'SinkCommittables';
const WRITER_STATE = 'SinkWriterState';

/** What was prepared before one barrier. */
interface Prepared {
  readonly checkpointId: number;
  readonly committables: readonly unknown[];
}

export class SinkOperator<T> implements StreamOperator<T, never> {
  private readonly sink: Sink<T, any>;
  private readonly writerContext: SinkWriterContext = { timestamp: NO_TIMESTAMP, currentWatermark: MIN_WATERMARK };
  private context!: OperatorContext<never>;
  private writer: SinkWriter<T> | undefined;
  private committer: Committer<unknown> | undefined;
  /** Not committed yet, oldest first. */
  private prepared: Prepared[] = [];
  /** One commit at a time. */
  private committing: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(sink: Sink<T, any>) {
    this.sink = sink;
  }

  async open(context: OperatorContext<never>): Promise<void> {
    this.context = context;
    const init = initContextOf(context);
    this.committer = await this.sink.createCommitter?.(init);
    if (context.isRestored) await this.commitRestored();
    const state = context.isRestored && this.sink.restoreWriter ? [...this.listState(WRITER_STATE).get()] : [];
    this.writer =
      state.length > 0 && this.sink.restoreWriter
        ? await this.sink.restoreWriter(init, state)
        : await this.sink.createWriter(init);
  }

  inline(code: ChainCode, value: string, timestamp: string, _emit: EmitCode): string {
    const writer = code.bind(this.writer, 'writer');
    const context = code.bind(this.writerContext, 'context');
    return `${context}.timestamp = ${timestamp};\n${writer}.write(${value}, ${context});`;
  }

  processWatermark(timestamp: number): void {
    this.writerContext.currentWatermark = timestamp;
    this.writer?.writeWatermark?.(timestamp);
  }

  isAvailable(): Promise<void> | undefined {
    return this.writer?.isAvailable?.();
  }

  async prepareSnapshotPreBarrier(checkpointId: number): Promise<void> {
    await this.writer?.flush(false);
    await this.prepare(checkpointId);
  }

  prepareSnapshot(checkpointId: number): void {
    if (!this.committer) return;
    this.listState(COMMITTABLES).update(this.prepared.flatMap(({ committables }) => committables));
    const state = (this.writer as CommittingSinkWriter<T, unknown>).snapshotState?.(checkpointId);
    if (state !== undefined) this.listState(WRITER_STATE).update(state);
  }

  async notifyCheckpointComplete(checkpointId: number): Promise<void> {
    await this.commitUpTo(checkpointId);
    if (!this.closed) await this.writer?.notifyCheckpointComplete?.(checkpointId);
  }

  /** With checkpoints, what is left is prepared by the last one, and committed when that is complete. */
  async finish(): Promise<void> {
    await this.writer?.flush(true);
    if (this.context.checkpointingEnabled) return;
    await this.prepare(Number.POSITIVE_INFINITY);
    await this.commitUpTo(Number.POSITIVE_INFINITY);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.committing.catch(() => {});
    try {
      await this.writer?.close();
    } finally {
      await this.committer?.close();
    }
  }

  private async prepare(checkpointId: number): Promise<void> {
    if (this.closed || !this.committer) return;
    const committables = await (this.writer as CommittingSinkWriter<T, unknown>).prepareCommit();
    if (committables.length > 0) this.prepared.push({ checkpointId, committables });
  }

  private commitUpTo(checkpointId: number): Promise<void> {
    this.committing = this.committing.then(async () => {
      const due = this.prepared.filter((prepared) => prepared.checkpointId <= checkpointId);
      if (this.closed || due.length === 0) return;
      await this.committer?.commit(due.flatMap(({ committables }) => committables));
      this.prepared = this.prepared.filter((prepared) => !due.includes(prepared));
    });
    return this.committing;
  }

  private async commitRestored(): Promise<void> {
    const committables = [...this.listState(COMMITTABLES).get()];
    if (committables.length === 0) return;
    if (!this.committer) {
      throw new MillraceError(
        'STATE_FAILED',
        `The checkpoint holds output of another sink that must still be committed, but sink '${this.context.operatorName}' commits nothing. Restore with the sink that wrote it, or give the new one another uid and allow state that is not restored.`,
        { context: { operator: this.context.operatorName }, recoverable: false },
      );
    }
    await this.committer.commit(committables);
  }

  private listState(name: string) {
    return this.context.operatorState.getListState(new ListStateDescriptor<unknown>(name));
  }
}

/** What a program says when it writes a stream into `sink`. */
export function sinkDefinition<T>(sink: Sink<T, any>): OperatorDefinition {
  return {
    create: () => new SinkOperator(sink),
    ...(sink.receive ? { receiver: (event: unknown) => sink.receive?.(event) } : {}),
  };
}

function initContextOf(context: OperatorContext<never>): SinkInitContext {
  return {
    subtaskIndex: context.subtaskIndex,
    parallelism: context.parallelism,
    attemptNumber: context.attemptNumber,
    isRestored: context.isRestored,
    checkpointingEnabled: context.checkpointingEnabled,
    jobName: context.jobName,
    operatorId: context.operatorId,
    clock: context.clock,
    random: context.random,
    logger: context.logger,
    counter: (name) => context.metrics.counter(name),
    gauge: (name, read) => void context.metrics.gauge(name, read),
    sendToCoordinator: (event) => context.sendToCoordinator(event),
  };
}
