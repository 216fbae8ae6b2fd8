/**
 * A channel between two tasks on one thread: records are handed over by reference in batches, without encoding. One object
 * is both ends.
 *
 * Invariants: what was written is read in the same order, events included; batches are recycled, so a reader must be done
 * with one before it asks for the next. Backpressure: `isAvailable` turns false when `capacityBatches` are queued; a
 * producer that cannot stop at once (one record that fans out into millions, a window that fires for every key) makes the
 * channel ask the consumer to drain in the middle of the write. On one thread that is an ordinary call, and it is what
 * keeps the queue bounded without blocking.
 */
import { BinaryWriter } from '../serialization/index.ts';
import type { ChannelReader, ChannelWriter, CheckpointAnnouncement } from './channel.ts';
import { encodeEvent, encodeRecords, isInFlightEvent } from './in-flight-elements.ts';
import { BATCH_CAPACITY, ElementBatch, type StreamEvent } from './stream-element.ts';

export class LocalChannel implements ChannelReader, ChannelWriter {
  private readonly queue: (ElementBatch | StreamEvent)[] = [];
  private readonly free: ElementBatch[] = [];
  private readonly capacityBatches: number;
  private current: ElementBatch = new ElementBatch(BATCH_CAPACITY);
  private queuedBatches = 0;
  private announced: CheckpointAnnouncement | undefined;
  onData: () => void = () => {};
  onAvailable: () => void = () => {};
  onBarrierAnnounced: () => void = () => {};
  drain: () => void = () => {};
  readonly bytesWritten = 0;
  readonly bytesRead = 0;
  buffersWritten = 0;
  buffersRead = 0;

  constructor(capacityBatches = 2) {
    this.capacityBatches = capacityBatches;
  }

  write(value: unknown, timestamp: number): void {
    const batch = this.current;
    const i = batch.length;
    batch.values[i] = value;
    batch.timestamps[i] = timestamp;
    batch.length = i + 1;
    if (i === 0) this.onData();
    else if (batch.length === BATCH_CAPACITY) this.seal();
  }

  writeEvent(event: StreamEvent): void {
    if (this.current.length > 0) this.seal();
    this.queue.push(event);
    if (event.type === 'CHECKPOINT_BARRIER') {
      this.announced = { checkpointId: event.checkpointId, barrier: event };
      this.onBarrierAnnounced();
    }
    this.onData();
  }

  flush(): void {
    // What is written can be read at once.
  }

  get isAvailable(): boolean {
    return this.queuedBatches < this.capacityBatches;
  }

  get isFull(): boolean {
    return !this.isAvailable;
  }

  get usage(): number {
    return Math.min(1, this.queuedBatches / this.capacityBatches);
  }

  /** How many records wait here. */
  get queuedRecords(): number {
    return this.queue.reduce((n, e) => n + (e instanceof ElementBatch ? e.length : 0), this.current.length);
  }

  get isEmpty(): boolean {
    return this.queue.length === 0 && this.current.length === 0;
  }

  get announcedBarrier(): CheckpointAnnouncement | undefined {
    return this.announced;
  }

  poll(): ElementBatch | StreamEvent | undefined {
    if (this.queue.length === 0) {
      if (this.current.length === 0) return undefined;
      const batch = this.current;
      this.current = this.free.pop() ?? new ElementBatch(BATCH_CAPACITY);
      this.buffersWritten++;
      this.buffersRead++;
      return batch;
    }
    const next = this.queue.shift() as ElementBatch | StreamEvent;
    if (next instanceof ElementBatch) {
      this.buffersRead++;
      this.queuedBatches--;
      if (this.queuedBatches === this.capacityBatches - 1) this.onAvailable();
    } else if (next.type === 'CHECKPOINT_BARRIER' && next.checkpointId === this.announced?.checkpointId) {
      this.announced = undefined;
    }
    return next;
  }

  recycle(batch: ElementBatch): void {
    batch.values.fill(undefined, 0, batch.length);
    batch.length = 0;
    if (this.free.length <= this.capacityBatches) this.free.push(batch);
  }

  captureUntilBarrier(checkpointId: number): Uint8Array {
    const writer = new BinaryWriter();
    for (const element of this.queue) {
      if (element instanceof ElementBatch) encodeRecords(writer, element.values, element.timestamps, 0, element.length);
      else if (isInFlightEvent(element)) encodeEvent(writer, element);
      else if (element.type === 'CHECKPOINT_BARRIER' && element.checkpointId === checkpointId) break;
    }
    return writer.toBytes();
  }

  close(): void {
    // Either end may go first; what was written can still be read.
  }

  private seal(): void {
    this.queue.push(this.current);
    this.queuedBatches++;
    this.buffersWritten++;
    this.current = this.free.pop() ?? new ElementBatch(BATCH_CAPACITY);
    if (this.queuedBatches > this.capacityBatches) this.drain();
  }
}
