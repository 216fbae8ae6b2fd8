/**
 * The memory of a channel between two threads: a ring of frames with one producer and one consumer.
 *
 * Layout: a header of words, each on a cache line of its own, then `capacity` bytes (a power of two). HEAD counts the
 * bytes that were ever put in, TAIL those that were taken out, both modulo 2^32: what lies between is full. A frame is a
 * header of two words (length of the content, kind) and the content, filled up to 8 bytes, so that frame headers never wrap.
 *
 * Invariants: only the writer stores HEAD, after the bytes in front of it; only the reader stores TAIL, after it has copied
 * the bytes behind it. All words of the header are accessed atomically, hence in one order that both threads agree on; the
 * bytes need no more than that. A frame is in the ring as a whole.
 */
import { invariant } from '../common/index.ts';

/** Words of the header. */
export const HEAD = 0;
export const TAIL = 16;
/** 1: the producer waits for room, and wants to be rung. */
export const WRITER_WAITS = 32;
/** How many barriers were put in, counted before HEAD moves past them. */
export const BARRIERS = 48;
/** 1: the consumer is gone; what is put in is lost. */
export const READER_CLOSED = 64;
const HEADER_WORDS = 80;
const HEADER_BYTES = HEADER_WORDS * 4;

/** A frame of records that ends with a whole one, and one that goes on in the next frame. */
export const RECORDS = 1;
export const RECORDS_PART = 2;
export const EVENT = 3;
export const BARRIER = 4;

export const FRAME_HEADER_BYTES = 8;
export const MIN_RING_BYTES = 16 * 1024;
export const DEFAULT_RING_BYTES = 256 * 1024;
const MAX_RING_BYTES = 2 ** 30;
/** Flink's size of a network buffer. */
const MAX_FRAME_BYTES = 32 * 1024;

/** @param capacityBytes rounded up to a power of two */
export function createRing(capacityBytes: number = DEFAULT_RING_BYTES): SharedArrayBuffer {
  invariant(capacityBytes <= MAX_RING_BYTES, `a ring of ${capacityBytes} bytes is too large`);
  let capacity = MIN_RING_BYTES;
  while (capacity < capacityBytes) capacity *= 2;
  return new SharedArrayBuffer(HEADER_BYTES + capacity);
}

/** One end's view of a ring. */
export class Ring {
  readonly header: Int32Array;
  readonly capacity: number;
  /** The largest content of a frame of records. */
  readonly frameBytes: number;
  /** The producer pauses when more is taken: what it has begun, a flush and events still find room then. */
  readonly pauseBytes: number;
  /** A paused producer is rung when no more than this is taken: not for every frame, but before the consumer runs dry. */
  readonly resumeBytes: number;
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;

  constructor(buffer: SharedArrayBuffer) {
    this.header = new Int32Array(buffer, 0, HEADER_WORDS);
    this.words = new Int32Array(buffer, HEADER_BYTES);
    this.bytes = new Uint8Array(buffer, HEADER_BYTES);
    this.capacity = this.bytes.length;
    invariant((this.capacity & (this.capacity - 1)) === 0, `a ring of ${this.capacity} bytes was not made by createRing`);
    this.frameBytes = Math.min(MAX_FRAME_BYTES, this.capacity / 8);
    this.pauseBytes = this.capacity / 2;
    this.resumeBytes = this.capacity / 4;
  }

  load(word: number): number {
    return Atomics.load(this.header, word);
  }

  store(word: number, value: number): void {
    Atomics.store(this.header, word, value);
  }

  /** Bytes that wait to be read. */
  get used(): number {
    return (this.load(HEAD) - this.load(TAIL)) >>> 0;
  }

  /** Copies a frame to `position`, where there must be room. @returns the position behind it */
  putFrame(position: number, kind: number, content: Uint8Array, from: number, to: number): number {
    const mask = this.capacity - 1;
    const at = position & mask;
    this.words[at >> 2] = to - from;
    this.words[(at >> 2) + 1] = kind;
    const start = (position + FRAME_HEADER_BYTES) & mask;
    const untilWrap = Math.min(to - from, this.capacity - start);
    this.bytes.set(content.subarray(from, from + untilWrap), start);
    if (untilWrap < to - from) this.bytes.set(content.subarray(from + untilWrap, to), 0);
    return (position + sizeOfFrame(to - from)) | 0;
  }

  kindAt(position: number): number {
    return this.words[((position & (this.capacity - 1)) >> 2) + 1] as number;
  }

  /** The length of the content of the frame at `position`, which must end at `head` or before. */
  lengthAt(position: number, head: number): number {
    const length = this.words[(position & (this.capacity - 1)) >> 2] as number;
    const available = (head - position) >>> 0;
    invariant(
      length >= 0 && available <= this.capacity && sizeOfFrame(length) <= available,
      `a frame of ${length} bytes stands at ${position >>> 0} of a ring that is filled up to ${head >>> 0}`,
    );
    return length;
  }

  /** Copies the content of a frame of `length` bytes to `target`, from `at` on. */
  copyContent(position: number, length: number, target: Uint8Array, at: number): void {
    const start = (position + FRAME_HEADER_BYTES) & (this.capacity - 1);
    const untilWrap = Math.min(length, this.capacity - start);
    target.set(this.bytes.subarray(start, start + untilWrap), at);
    if (untilWrap < length) target.set(this.bytes.subarray(0, length - untilWrap), at + untilWrap);
  }
}

/** What a frame takes in the ring. */
export function sizeOfFrame(contentBytes: number): number {
  return FRAME_HEADER_BYTES + ((contentBytes + 7) & ~7);
}
