/**
 * The end of a stream in a Sink: feeds its writer, and without checkpoints commits once, at the end of input.
 *
 * A writer that is not available makes the task stop taking input; that is where backpressure starts. After a failure or
 * a cancellation nothing is committed.
 */
import {
  type Committer,
  type CommittingSinkWriter,
  NO_TIMESTAMP,
  type Sink,
  type SinkWriter,
  type SinkWriterContext,
} from '../connector/index.ts';
import { type ChainCode, type EmitCode, MIN_WATERMARK, type OperatorContext, type StreamOperator } from './operator.ts';

export class SinkOperator<T> implements StreamOperator<T, never> {
  private readonly sink: Sink<T, any>;
  private readonly writerContext: SinkWriterContext = { timestamp: NO_TIMESTAMP, currentWatermark: MIN_WATERMARK };
  private writer: SinkWriter<T> | undefined;
  private committer: Committer<unknown> | undefined;
  private closed = false;

  constructor(sink: Sink<T, any>) {
    this.sink = sink;
  }

  async open(context: OperatorContext<never>): Promise<void> {
    const init = {
      subtaskIndex: context.subtaskIndex,
      parallelism: context.parallelism,
      attemptNumber: context.attemptNumber,
      jobName: context.jobName,
      operatorId: context.operatorId,
      clock: context.clock,
      random: context.random,
      logger: context.logger,
      counter: (name: string) => context.metrics.counter(name),
      gauge: (name: string, read: () => number) => void context.metrics.gauge(name, read),
    };
    this.writer = await this.sink.createWriter(init);
    this.committer = await this.sink.createCommitter?.(init);
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

  async finish(): Promise<void> {
    const { writer, committer } = this;
    await writer?.flush(true);
    if (this.closed || !writer || !committer) return;
    const committables = await (writer as CommittingSinkWriter<T, unknown>).prepareCommit();
    if (!this.closed) await committer.commit(committables);
  }

  async close(): Promise<void> {
    this.closed = true;
    try {
      await this.writer?.close();
    } finally {
      await this.committer?.close();
    }
  }
}
