/**
 * Memory for large answers, used again.
 *
 * Why: bytes that come from a socket live outside of V8's heap, but V8 counts them, and for every some 64 MB of them it marks
 * the *whole* heap. Reading 1 M records of 240 B with new memory for each answer cost 0.8 CPU s, and 2.0 with 2 M small objects on the
 * heap; with memory that is used again, 0.17 and 0.19.
 *
 * Invariant: memory is in the hands of one frame at a time: it is lent again only when its frame has been released. A frame that nobody
 * releases is collected like any other object, so that forgetting is slow, but harmless.
 */

/** Bytes of one answer, until released. */
export interface Frame {
  readonly bytes: Buffer;
  /** Gives the memory back: the bytes will be overwritten. Once is enough, more often does no harm. */
  release(): void;
}

/** Sizes are rounded up to this, so that answers of about one size can follow each other in the same memory. */
const GRAIN_BYTES = 262_144;
/** A spare this many times larger than what is needed is not used for it. */
const MAX_WASTE = 4;

export class FrameMemory {
  readonly #maxSpareBytes: number;
  readonly #spare: ArrayBuffer[] = [];
  #spareBytes = 0;

  /** @param maxSpareBytes how much memory is kept for frames to come */
  constructor(maxSpareBytes: number) {
    this.#maxSpareBytes = maxSpareBytes;
  }

  lend(size: number): Frame {
    const memory = this.#takeSpare(size) ?? Buffer.allocUnsafeSlow(Math.ceil(size / GRAIN_BYTES) * GRAIN_BYTES).buffer;
    let lent = true;
    return {
      bytes: Buffer.from(memory, 0, size),
      release: () => {
        if (!lent) return;
        lent = false;
        if (this.#spareBytes + memory.byteLength > this.#maxSpareBytes) return;
        this.#spare.push(memory);
        this.#spareBytes += memory.byteLength;
      },
    };
  }

  /** The smallest one that is large enough. */
  #takeSpare(size: number): ArrayBuffer | undefined {
    let best = -1;
    for (const [i, { byteLength }] of this.#spare.entries()) {
      if (byteLength < size || byteLength > Math.max(size * MAX_WASTE, GRAIN_BYTES)) continue;
      if (best < 0 || byteLength < this.#spare[best]!.byteLength) best = i;
    }
    if (best < 0) return undefined;
    const [memory] = this.#spare.splice(best, 1);
    this.#spareBytes -= memory!.byteLength;
    return memory;
  }
}
