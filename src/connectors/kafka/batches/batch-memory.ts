/**
 * Memory of batches that were sent, for batches to come; shared by all writers of a sink.
 *
 * Why: as with answers (`FrameMemory`), new memory for each batch makes V8 mark the whole heap for every some 64 MB written.
 * A batch whose memory is never given back is collected like any other object.
 */
export class BatchMemory {
  readonly #maxSpareBytes: number;
  readonly #spare: ArrayBuffer[] = [];
  #spareBytes = 0;

  /** @param maxSpareBytes How much memory is kept. */
  constructor(maxSpareBytes: number) {
    this.#maxSpareBytes = maxSpareBytes;
  }

  /** Memory of at least `size` bytes, with anything in it. */
  take(size: number): Uint8Array<ArrayBuffer> {
    const spare = this.#spare.pop();
    if (spare !== undefined) {
      this.#spareBytes -= spare.byteLength;
      if (spare.byteLength >= size) return new Uint8Array(spare);
    }
    return new Uint8Array(size);
  }

  /** Takes the memory of a batch back: nobody may read it any more. Only batches of writers with this memory, and once. */
  recycle(batch: Uint8Array<ArrayBuffer>): void {
    const { buffer } = batch;
    if (this.#spareBytes + buffer.byteLength > this.#maxSpareBytes) return;
    this.#spare.push(buffer);
    this.#spareBytes += buffer.byteLength;
  }
}
