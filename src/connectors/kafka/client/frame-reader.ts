/**
 * Puts answers together from what a socket delivers, in any pieces.
 *
 * The socket is told where to write: into a small buffer while it is not known how large the next answer is, and then straight into
 * the memory of that answer, up to its end. So large answers are never copied.
 */

import type { Frame, FrameMemory } from './frame-memory.ts';
import { connectionError } from './kafka-errors.ts';

const HEAD_BYTES = 65_536;
const SIZE_BYTES = 4;
/** What claims to be larger is no answer of Kafka's. */
const MAX_FRAME_BYTES = 1 << 30;

export class FrameReader {
  readonly #memory: FrameMemory | undefined;
  readonly #onFrame: (frame: Frame) => void;
  readonly #head = Buffer.allocUnsafeSlow(HEAD_BYTES);
  #headLength = 0;
  #frame: Frame | undefined;
  #frameLength = 0;

  /** @param memory For answers that are larger than what the socket delivers at once; without it, each has memory of its own. */
  constructor(onFrame: (frame: Frame) => void, memory?: FrameMemory) {
    this.#onFrame = onFrame;
    this.#memory = memory;
  }

  /** Where the socket is to write next; valid until `received` is called. Never empty. */
  target(): Uint8Array {
    return this.#frame === undefined ? this.#head.subarray(this.#headLength) : this.#frame.bytes.subarray(this.#frameLength);
  }

  /**
   * The socket has written `count` bytes at the target. Calls back for each answer that is complete.
   * @throws MillraceError if these are no answers of Kafka's.
   */
  received(count: number): void {
    if (this.#frame !== undefined) {
      this.#frameLength += count;
      this.#finishFrame();
      return;
    }
    this.#headLength += count;
    let at = 0;
    while (this.#headLength - at >= SIZE_BYTES) {
      const size = this.#sizeAt(at);
      const start = at + SIZE_BYTES;
      const here = Math.min(size, this.#headLength - start);
      at = start + here;
      if (here === size) {
        this.#onFrame(ownMemory(Buffer.from(this.#head.subarray(start, at))));
        continue;
      }
      this.#frame = this.#memory?.lend(size) ?? ownMemory(Buffer.allocUnsafeSlow(size));
      this.#head.copy(this.#frame.bytes, 0, start, at);
      this.#frameLength = here;
    }
    this.#head.copyWithin(0, at, this.#headLength);
    this.#headLength -= at;
  }

  #finishFrame(): void {
    const frame = this.#frame;
    if (frame === undefined || this.#frameLength < frame.bytes.length) return;
    this.#frame = undefined;
    this.#onFrame(frame);
  }

  #sizeAt(at: number): number {
    const size = this.#head.readInt32BE(at);
    // A TLS alert: the broker has seen that this is not TLS.
    if (this.#head[at] === 0x15 && this.#head[at + 1] === 3) throw connectionError('reading an answer', TLS_WANTED);
    if (size < SIZE_BYTES || size > MAX_FRAME_BYTES) {
      throw connectionError('reading an answer', `its size of ${size} bytes is impossible: this is not a Kafka broker`);
    }
    return size;
  }
}

export const TLS_WANTED = 'the broker wants TLS: set security.tls';

function ownMemory(bytes: Buffer): Frame {
  return { bytes, release: () => {} };
}
