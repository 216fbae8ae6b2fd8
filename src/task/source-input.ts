/**
 * The input of a source's task: polls the reader and runs the chain over what it returns.
 *
 * Batches grow while they take well under the yield budget and shrink when a record is slow, so that one step stays
 * bounded in time whatever the program does with a record.
 *
 * A reader that has nothing is asked once when it will be available, also if mails let the task look again meanwhile: a reader
 * may answer a first question when it is asked a second time, and two that answer each other keep the thread busy for nothing.
 */
import { type InputStatus, RecordBatch } from '../connector/index.ts';
import { MAX_WATERMARK, type SourceOperator } from '../operators/index.ts';
import type { OperatorChain } from './operator-chain.ts';
import type { InputStep, TaskInput } from './task-input.ts';

export class SourceInput implements TaskInput {
  private readonly chain: OperatorChain;
  private readonly operator: SourceOperator<unknown>;
  private readonly batch = new RecordBatch<unknown>();
  private ended = false;
  private stopped = false;
  /** The reader has been asked when it is available, and has not answered yet. */
  private awaiting = false;
  private bytesIn = 0;

  constructor(chain: OperatorChain) {
    this.chain = chain;
    this.operator = chain.head.operator as SourceOperator<unknown>;
    chain.head.metricGroup.counterOf('numBytesIn', () => this.bytesIn);
  }

  step(maxRecords: number): InputStep {
    if (this.ended || this.stopped) return 'EMPTY';
    const { batch } = this;
    const status = this.poll(maxRecords);
    if (batch.length > 0) {
      (this.chain.compiled.inputs[0] as (typeof this.chain.compiled.inputs)[0])(
        batch.values,
        batch.hasTimestamps ? batch.timestamps : undefined,
        0,
        batch.length,
      );
    }
    this.bytesIn += batch.bytes;
    this.operator.batchDone(batch);
    if (status === 'END_OF_INPUT') {
      this.ended = true;
      this.operator.emitPeriodic();
      this.chain.processWatermark(MAX_WATERMARK);
      return 'END_OF_DATA';
    }
    return status === 'MORE_AVAILABLE' ? 'MORE' : 'EMPTY';
  }

  /** Takes no more records; with `drain`, as if the input had ended here. */
  stop(drain: boolean): void {
    this.stopped = true;
    if (drain && !this.ended) {
      this.ended = true;
      this.operator.emitPeriodic();
      this.chain.processWatermark(MAX_WATERMARK);
    }
    this.operator.stop(false);
  }

  /** Takes records again: the savepoint that it was stopped for came to nothing. */
  resume(): void {
    this.stopped = false;
    this.operator.resume();
  }

  /** The trigger of a checkpoint has arrived; the snapshot may come later. */
  checkpointTriggered(checkpointId: number): void {
    this.operator.checkpointTriggered(checkpointId);
  }

  lookAhead(): void {
    // The coordinator's triggers come as mails.
  }

  close(): void {
    // The operator closes its reader.
  }

  awaitData(wake: () => void, fail: (error: unknown) => void): void {
    if (this.ended || this.stopped || this.awaiting) return;
    this.awaiting = true;
    this.operator.readerAvailable().then(
      () => {
        this.awaiting = false;
        wake();
      },
      (error) => fail(this.chain.head.attribute(error)),
    );
  }

  private poll(maxRecords: number): InputStatus {
    try {
      return this.operator.poll(this.batch, maxRecords);
    } catch (error) {
      throw this.chain.head.attribute(error);
    }
  }
}
