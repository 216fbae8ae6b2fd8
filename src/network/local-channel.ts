/**
 * A channel between two tasks on one thread: records are handed over by reference in batches, without encoding.
 *
 * Invariants: what was written is read in the same order, events included; batches are recycled, so a reader must be done
 * with one before it asks for the next. Backpressure: `isAvailable` turns false when `capacityBatches` are queued; a
 * producer that cannot stop at once (one record that fans out into millions, a window that fires for every key) makes the
 * channel ask the consumer to drain in the middle of the write. On one thread that is an ordinary call, and it is what
 * keeps the queue bounded without blocking.
 */
import { BATCH_CAPACITY, ElementBatch, type StreamEvent } from './stream-element.ts';

export class LocalChannel {
  private readonly queue: (ElementBatch | StreamEvent)[] = [];
  private readonly free: ElementBatch[] = [];
  private readonly capacityBatches: number;
  private current: ElementBatch = new ElementBatch(BATCH_CAPACITY);
  private queuedBatches = 0;
  /** Called when there is something to read. */
  onData: () => void = () => {};
  /** Called when the producer may write again. */
  onAvailable: () => void = () => {};
  /** Called when the channel is full and the producer goes on: the consumer should read now. */
  drain: () => void = () => {};

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
    this.onData();
  }

  get isAvailable(): boolean {
    return this.queuedBatches < this.capacityBatches;
  }

  /** How many records wait here. */
  get queuedRecords(): number {
    return this.queue.reduce((n, e) => n + (e instanceof ElementBatch ? e.length : 0), this.current.length);
  }

  get isEmpty(): boolean {
    return this.queue.length === 0 && this.current.length === 0;
  }

  /** The next batch or event; `undefined` if there is none. A batch must be given back by `recycle`. */
  poll(): ElementBatch | StreamEvent | undefined {
    if (this.queue.length === 0) {
      if (this.current.length === 0) return undefined;
      const batch = this.current;
      this.current = this.free.pop() ?? new ElementBatch(BATCH_CAPACITY);
      return batch;
    }
    const next = this.queue.shift() as ElementBatch | StreamEvent;
    if (next instanceof ElementBatch) {
      this.queuedBatches--;
      if (this.queuedBatches === this.capacityBatches - 1) this.onAvailable();
    }
    return next;
  }

  recycle(batch: ElementBatch): void {
    batch.values.fill(undefined, 0, batch.length);
    batch.length = 0;
    if (this.free.length <= this.capacityBatches) this.free.push(batch);
  }

  private seal(): void {
    this.queue.push(this.current);
    this.queuedBatches++;
    this.current = this.free.pop() ?? new ElementBatch(BATCH_CAPACITY);
    if (this.queuedBatches > this.capacityBatches) this.drain();
  }
}
