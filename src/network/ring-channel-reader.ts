/**
 * The consumer's end of a channel from another thread.
 *
 * A frame is copied out of the ring before it is decoded, which frees its room at once, and is then decoded batch by batch.
 * What has been taken out but not yet polled is in `inbox`: the rest of the frame being decoded, or the parts of a
 * record that is larger than a frame.
 *
 * Barriers are found by walking over the headers of the frames in the ring, when the ring's count of barriers says that
 * there is one to be found. Frames in front of a barrier can be captured: decoded by a fork of the decoder, which leaves
 * everything where it is.
 */
import { invariant } from '../common/index.ts';
import { BinaryReader, BinaryWriter, decodeValue, RecordDecoder, type TypeRegistry } from '../serialization/index.ts';
import type { ChannelReader, CheckpointAnnouncement } from './channel.ts';
import { encodeEvent, encodeRecords, isInFlightEvent } from './in-flight-elements.ts';
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
import type { RingChannelDependencies } from './ring-channel-writer.ts';
import { BATCH_CAPACITY, type CheckpointBarrier, ElementBatch, type StreamEvent } from './stream-element.ts';
import type { DoorbellEnd, RemoteBell } from './thread-doorbell.ts';

interface AnnouncedBarrier extends CheckpointAnnouncement {
  /** Of its frame in the ring. */
  readonly position: number;
}

/** A larger inbox is given back when what it was needed for has been read. */
const MAX_KEPT_INBOX_BYTES = 256 * 1024;

export class RingChannelReader implements ChannelReader, DoorbellEnd {
  onData: () => void = () => {};
  onBarrierAnnounced: () => void = () => {};
  /** Not called: the producer is on another thread. */
  drain: () => void = () => {};
  private readonly ring: Ring;
  private readonly peer: RemoteBell;
  private readonly types: TypeRegistry | undefined;
  private readonly unregister: () => void;
  private readonly decoder: RecordDecoder;
  private readonly batch = new ElementBatch(BATCH_CAPACITY);
  private inbox: Uint8Array;
  /** Bytes of parts in the inbox, whose record is not yet complete. */
  private partBytes = 0;
  private tail = 0;
  /** HEAD when `onData` was called last. */
  private toldHead = 0;
  private readonly announced: AnnouncedBarrier[] = [];
  private barriersFound = 0;
  private barriersTold = 0;
  /** Frames in front of it have been looked at; the tail or ahead of it. */
  private scanned = 0;
  private closed = false;
  private bytes = 0;
  private buffers = 0;

  constructor(buffer: SharedArrayBuffer, { doorbell, peer, types }: RingChannelDependencies) {
    this.ring = new Ring(buffer);
    this.peer = peer;
    this.types = types;
    this.decoder = new RecordDecoder({ types });
    this.inbox = new Uint8Array(this.ring.frameBytes);
    this.unregister = doorbell.register(this);
  }

  get bytesRead(): number {
    return this.bytes;
  }

  get buffersRead(): number {
    return this.buffers;
  }

  get usage(): number {
    return this.ring.used / this.ring.capacity;
  }

  get isFull(): boolean {
    return this.ring.used > this.ring.pauseBytes;
  }

  get isEmpty(): boolean {
    return this.closed || (this.decoder.remaining === 0 && this.ring.load(HEAD) === this.tail);
  }

  get announcedBarrier(): CheckpointAnnouncement | undefined {
    this.findBarriers();
    return this.announced.at(-1);
  }

  poll(): ElementBatch | StreamEvent | undefined {
    if (this.closed) return undefined;
    if (this.decoder.remaining > 0) return this.nextBatch();
    const { ring } = this;
    for (;;) {
      const head = ring.load(HEAD);
      if (head === this.tail) return undefined;
      const position = this.tail;
      const kind = ring.kindAt(position);
      const length = ring.lengthAt(position, head);
      this.bytes += length;
      this.buffers++;
      switch (kind) {
        case RECORDS:
        case RECORDS_PART: {
          this.ensureInbox(this.partBytes + length);
          ring.copyContent(position, length, this.inbox, this.partBytes);
          this.partBytes += length;
          this.free(length);
          if (kind === RECORDS_PART) continue;
          this.decoder.load(this.inbox, this.partBytes);
          this.partBytes = 0;
          return this.nextBatch();
        }
        case EVENT:
        case BARRIER: {
          if (kind === BARRIER) this.takeBarrier(position);
          const event = this.eventAt(position, length);
          this.free(length);
          return event;
        }
        default:
          invariant(false, `a frame of the unknown kind ${kind} stands in a channel`);
      }
    }
  }

  recycle(batch: ElementBatch): void {
    batch.values.fill(undefined, 0, batch.length);
    batch.length = 0;
  }

  captureUntilBarrier(checkpointId: number): Uint8Array {
    this.findBarriers();
    const barrier = this.announced.find((a) => a.checkpointId === checkpointId);
    invariant(barrier, `the barrier of checkpoint ${checkpointId} is not announced`);
    const { ring } = this;
    const writer = new BinaryWriter();
    const fork = this.decoder.fork();
    this.captureRest(fork, writer);
    let record = this.inbox.slice(0, this.partBytes);
    for (let position = this.tail; position !== barrier.position; ) {
      const length = ring.lengthAt(position, barrier.position);
      const kind = ring.kindAt(position);
      if (kind === RECORDS || kind === RECORDS_PART) {
        const longer = new Uint8Array(record.length + length);
        longer.set(record);
        ring.copyContent(position, length, longer, record.length);
        record = longer;
      }
      if (kind === RECORDS) {
        fork.load(record);
        this.captureRest(fork, writer);
        record = new Uint8Array(0);
      }
      if (kind === EVENT) {
        const event = this.eventAt(position, length);
        if (isInFlightEvent(event)) encodeEvent(writer, event);
      }
      position = (position + sizeOfFrame(length)) | 0;
    }
    return writer.toBytes();
  }

  checkNow(): void {
    if (this.closed) return;
    this.findBarriers();
    if (this.barriersFound !== this.barriersTold) {
      this.barriersTold = this.barriersFound;
      if (this.announced.length > 0) this.onBarrierAnnounced();
    }
    const head = this.ring.load(HEAD);
    if (head === this.toldHead) return;
    this.toldHead = head;
    if (head !== this.tail) this.onData();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.unregister();
    this.announced.length = 0;
    this.ring.store(READER_CLOSED, 1);
    this.peer.ring();
  }

  private nextBatch(): ElementBatch {
    const { batch } = this;
    batch.length = this.decoder.read(batch.values, batch.timestamps, BATCH_CAPACITY);
    return batch;
  }

  private captureRest(decoder: RecordDecoder, writer: BinaryWriter): void {
    const { values, timestamps } = new ElementBatch(BATCH_CAPACITY);
    while (decoder.remaining > 0) {
      const count = decoder.read(values, timestamps, BATCH_CAPACITY);
      encodeRecords(writer, values, timestamps, 0, count, this.types);
    }
  }

  private eventAt(position: number, length: number): StreamEvent {
    const content = new Uint8Array(length);
    this.ring.copyContent(position, length, content, 0);
    return decodeValue(new BinaryReader(content)) as StreamEvent;
  }

  /** Frees the frame at the tail, and rings a producer that waits for room when there is enough of it. */
  private free(contentBytes: number): void {
    const { ring } = this;
    const next = (this.tail + sizeOfFrame(contentBytes)) | 0;
    if (this.scanned === this.tail) this.scanned = next;
    this.tail = next;
    ring.store(TAIL, this.tail);
    if (ring.load(WRITER_WAITS) === 1 && ring.used <= ring.resumeBytes) {
      ring.store(WRITER_WAITS, 0);
      this.peer.ring();
    }
  }

  private ensureInbox(bytes: number): void {
    const { ring, inbox } = this;
    if (inbox.length > MAX_KEPT_INBOX_BYTES && this.partBytes === 0) this.inbox = new Uint8Array(ring.frameBytes);
    if (bytes <= this.inbox.length) return;
    this.inbox = new Uint8Array(Math.max(bytes, 2 * this.inbox.length));
    this.inbox.set(inbox.subarray(0, this.partBytes));
  }

  private findBarriers(): void {
    const { ring } = this;
    const count = ring.load(BARRIERS);
    if (count === this.barriersFound || this.closed) return;
    const head = ring.load(HEAD);
    while (this.scanned !== head) {
      const position = this.scanned;
      const length = ring.lengthAt(position, head);
      if (ring.kindAt(position) === BARRIER) {
        const barrier = this.eventAt(position, length) as CheckpointBarrier;
        this.announced.push({ checkpointId: barrier.checkpointId, barrier, position });
        this.barriersFound = (this.barriersFound + 1) | 0;
      }
      this.scanned = (position + sizeOfFrame(length)) | 0;
    }
  }

  /** The barrier at the tail is about to be polled. */
  private takeBarrier(position: number): void {
    this.findBarriers();
    const first = this.announced.shift();
    invariant(first?.position === position, `the barrier that is polled is not the first that was announced`);
  }
}
