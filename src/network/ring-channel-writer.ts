/**
 * The producer's end of a channel to another thread.
 *
 * Records are encoded into a buffer of this thread, which goes into the ring as a frame when it is full, in front of an
 * event, and on `flush`. When the ring has no room for a frame, it waits here, and all others behind it, until the consumer
 * has made room; neither end ever blocks. How much can wait is bounded by what the producer emits before it looks at
 * `isAvailable` again, which turns false when the ring is half full: the other half takes what is still on its way.
 *
 * A barrier is seen by the consumer when its frame is in the ring. Under backpressure it is at once: the room that is kept
 * free is for that. Only if one call of an operator emitted more than half a ring does it wait behind those records; until
 * they are in the ring no one could capture them either. (In Flink the producer would be blocked in the middle of that call, and could
 * not take the barrier at all.)
 */
import { invariant } from '../common/index.ts';
import { BinaryWriter, encodeValue, RecordEncoder, type TypeRegistry } from '../serialization/index.ts';
import type { ChannelWriter } from './channel.ts';
import {
  BARRIER,
  BARRIERS,
  EVENT,
  HEAD,
  READER_CLOSED,
  RECORDS,
  RECORDS_PART,
  Ring,
  sizeOfFrame,
  TAIL,
  WRITER_WAITS,
} from './ring.ts';
import type { StreamEvent } from './stream-element.ts';
import type { DoorbellEnd, RemoteBell, ThreadDoorbell } from './thread-doorbell.ts';

export interface RingChannelDependencies {
  /** Of the thread that this end is on. */
  readonly doorbell: ThreadDoorbell;
  /** Of the thread that the other end is on. */
  readonly peer: RemoteBell;
  readonly types?: TypeRegistry;
  /** Of a writer: called once, when a record has taken the general codec, which is several times slower than that of a shape. */
  readonly onFallback?: () => void;
}

interface WaitingFrame {
  readonly kind: number;
  readonly content: Uint8Array;
}

/** Room for one more record behind a buffer that is not yet full. */
const SLACK_BYTES = 1024;

export class RingChannelWriter implements ChannelWriter, DoorbellEnd {
  onAvailable: () => void = () => {};
  private readonly ring: Ring;
  private readonly peer: RemoteBell;
  private readonly encoder: RecordEncoder;
  private readonly flushBytes: number;
  private readonly unregister: () => void;
  private onFallback: (() => void) | undefined;
  private readonly waitingFrames: WaitingFrame[] = [];
  private head = 0;
  private paused = false;
  private closed = false;
  private bytes = 0;
  private buffers = 0;

  constructor(buffer: SharedArrayBuffer, { doorbell, peer, types, onFallback }: RingChannelDependencies) {
    this.ring = new Ring(buffer);
    this.peer = peer;
    this.flushBytes = this.ring.frameBytes - Math.min(SLACK_BYTES, this.ring.frameBytes / 2);
    this.encoder = new RecordEncoder({ initialBytes: this.ring.frameBytes + SLACK_BYTES, types });
    this.unregister = doorbell.register(this);
    this.onFallback = onFallback;
  }

  get bytesWritten(): number {
    return this.bytes + this.encoder.position;
  }

  get buffersWritten(): number {
    return this.buffers;
  }

  get usage(): number {
    return this.waitingFrames.length > 0 ? 1 : this.ring.used / this.ring.capacity;
  }

  write(value: unknown, timestamp: number): void {
    this.encoder.write(value, timestamp);
    if (this.encoder.position >= this.flushBytes) this.publishRecords();
  }

  writeEvent(event: StreamEvent): void {
    if (this.closed) return;
    this.publishRecords();
    const writer = new BinaryWriter();
    encodeValue(writer, event);
    const content = writer.toBytes();
    invariant(
      content.length <= this.ring.pauseBytes,
      `an event ${event.type} of ${content.length} bytes is too large for its channel`,
    );
    this.publish(event.type === 'CHECKPOINT_BARRIER' ? BARRIER : EVENT, content, 0, content.length);
    this.peer.ring();
  }

  flush(): void {
    if (this.encoder.position > 0) this.publishRecords();
    else this.moveWaiting();
  }

  get isAvailable(): boolean {
    if (this.hasRoom()) {
      if (this.paused) this.setPaused(false);
      return true;
    }
    this.setPaused(true);
    // Once more: the consumer may have made room before it could see that someone waits for it.
    if (!this.hasRoom()) return false;
    this.setPaused(false);
    return true;
  }

  checkNow(): void {
    this.moveWaiting();
    if (this.paused && this.isAvailable && !this.closed) this.onAvailable();
    if (this.closed && this.waitingFrames.length === 0) this.unregister();
  }

  /** What was written still reaches the reader: frames that wait for room go on waiting, unless the reader is gone. */
  close(): void {
    if (this.closed) return;
    this.flush();
    this.closed = true;
    this.checkNow();
  }

  private hasRoom(): boolean {
    this.moveWaiting();
    if (this.waitingFrames.length > 0) return false;
    return this.ring.used <= this.ring.pauseBytes || this.isReaderClosed();
  }

  private setPaused(paused: boolean): void {
    this.paused = paused;
    this.ring.store(WRITER_WAITS, paused ? 1 : 0);
  }

  private isReaderClosed(): boolean {
    return this.ring.load(READER_CLOSED) === 1;
  }

  private publishRecords(): void {
    const { encoder } = this;
    const { frameBytes } = this.ring;
    const end = encoder.position;
    if (end === 0) return;
    if (this.onFallback !== undefined && encoder.fallbacks > 0) {
      this.onFallback();
      this.onFallback = undefined;
    }
    let from = 0;
    if (!this.closed) {
      for (; end - from > frameBytes; from += frameBytes) this.publish(RECORDS_PART, encoder.bytes, from, from + frameBytes);
      this.publish(RECORDS, encoder.bytes, from, end);
      this.peer.ring();
    }
    encoder.reset();
  }

  private publish(kind: number, content: Uint8Array, from: number, to: number): void {
    this.bytes += to - from;
    this.buffers++;
    this.moveWaiting();
    if (this.waitingFrames.length === 0 && this.put(kind, content, from, to)) return;
    this.waitingFrames.push({ kind, content: content.slice(from, to) });
    this.setPaused(true);
    this.moveWaiting();
  }

  /** Moves frames into the ring while there is room. */
  private moveWaiting(): void {
    const { waitingFrames } = this;
    if (waitingFrames.length === 0) return;
    let moved = 0;
    for (const { kind, content } of waitingFrames) {
      if (!this.put(kind, content, 0, content.length)) break;
      moved++;
    }
    if (moved === 0) return;
    waitingFrames.splice(0, moved);
    this.peer.ring();
  }

  private put(kind: number, content: Uint8Array, from: number, to: number): boolean {
    const { ring, head } = this;
    const room = ring.capacity - ((head - ring.load(TAIL)) >>> 0);
    if (sizeOfFrame(to - from) > room) return this.isReaderClosed();
    this.head = ring.putFrame(head, kind, content, from, to);
    // Before HEAD: a reader that finds the frame must know that there is a barrier to look for.
    if (kind === BARRIER) Atomics.add(ring.header, BARRIERS, 1);
    ring.store(HEAD, this.head);
    return true;
  }
}
