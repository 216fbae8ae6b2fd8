/**
 * What was in flight towards a task when it took an unaligned checkpoint, channel by channel: complete once every channel
 * has shown all its records in front of the barrier, and the watermarks between them.
 */

import { type ElementBatch, encodeEvent, encodeRecords, type InFlightEvent } from '../network/index.ts';
import { BinaryWriter } from '../serialization/index.ts';

export interface CapturedChannel {
  readonly channel: number;
  /** Parts of what `decodeElements` reads, in order. */
  readonly records: readonly Uint8Array[];
}

export class InFlightCapture {
  readonly checkpointId: number;
  private readonly parts = new Map<number, Uint8Array[]>();
  private readonly open = new Set<number>();
  private readonly done = Promise.withResolvers<readonly CapturedChannel[]>();
  private bytes = 0;

  /** @param channels those that are still to be captured */
  constructor(checkpointId: number, channels: Iterable<number>) {
    this.checkpointId = checkpointId;
    for (const channel of channels) this.open.add(channel);
    this.done.promise.catch(() => {});
    if (this.open.size === 0) this.done.resolve([]);
  }

  /** Resolves when complete; rejects if the checkpoint was given up before. */
  get complete(): Promise<readonly CapturedChannel[]> {
    return this.done.promise;
  }

  get isComplete(): boolean {
    return this.open.size === 0;
  }

  get capturedBytes(): number {
    return this.bytes;
  }

  isOpen(channel: number): boolean {
    return this.open.has(channel);
  }

  /** Records `[from, length)` of a batch that the channel delivered in front of the barrier. */
  addBatch(channel: number, batch: ElementBatch, from: number): void {
    const writer = new BinaryWriter();
    encodeRecords(writer, batch.values, batch.timestamps, from, batch.length);
    this.add(channel, writer.toBytes());
  }

  addEvent(channel: number, event: InFlightEvent): void {
    const writer = new BinaryWriter();
    encodeEvent(writer, event);
    this.add(channel, writer.toBytes());
  }

  add(channel: number, records: Uint8Array): void {
    if (records.length === 0) return;
    this.bytes += records.length;
    const known = this.parts.get(channel);
    if (known) known.push(records);
    else this.parts.set(channel, [records]);
  }

  /** Nothing more comes from this channel in front of the barrier. */
  close(channel: number): void {
    if (!this.open.delete(channel) || this.open.size > 0) return;
    this.done.resolve([...this.parts].map(([index, records]) => ({ channel: index, records })));
  }

  abort(reason: Error): void {
    this.done.reject(reason);
  }
}
