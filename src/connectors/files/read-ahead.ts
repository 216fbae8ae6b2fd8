/**
 * Keeps the next chunks of a file in memory, so that reading (and decompressing) overlaps with decoding.
 *
 * At most `chunks` chunks wait; their buffers come from a small pool and go back into it, so a file of any size takes the
 * same memory. The files that one reader reads share the pool: a buffer of their own made small files three times as slow. Each buffer has room before its data (`HEADROOM`), where the caller puts what the last chunk left over:
 * a record that straddles two chunks is copied once, and the chunks never are.
 */
import { toError } from '../../common/index.ts';
import type { DecodePosition } from '../../connector/index.ts';
import type { FileReader } from '../../filesystem/index.ts';

/** Data is at `buffer[start .. end)`. */
export interface Chunk {
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Bytes taken from storage for it: fewer than its length if the file is compressed. */
  readonly rawBytes: number;
}

/** An open file. */
export interface OpenFile {
  readonly reader: FileReader;
  /** Where its first byte is in the input. */
  readonly position: DecodePosition;
  /** How many bytes were taken from storage for what was read so far. */
  rawBytesRead(): number;
}

/** A share of the chunk: longer leftovers than this are rare, and cost a copy of the chunk. */
const HEADROOM_SHARE = 4;

export class ReadAhead {
  readonly #open: () => Promise<OpenFile>;
  readonly #chunkBytes: number;
  readonly #maxReady: number;
  readonly #ready: Chunk[] = [];
  readonly #pool: Uint8Array[];
  #running: Promise<void> | undefined;
  #file: OpenFile | undefined;
  #rawBytes = 0;
  #ended = false;
  #closed = false;
  #error: Error | undefined;
  #waiters: (() => void)[] = [];

  /** @param pool buffers for chunks of just this size */
  constructor(
    open: () => Promise<OpenFile>,
    options: { readonly chunkBytes: number; readonly chunks: number },
    pool: Uint8Array[] = [],
  ) {
    this.#open = open;
    this.#chunkBytes = options.chunkBytes;
    this.#maxReady = options.chunks;
    this.#pool = pool;
    this.#fill();
  }

  /** The next chunk, if it is there. The caller gives it back by `release`. Throws what opening or reading threw. */
  take(): Chunk | undefined {
    const chunk = this.#ready.shift();
    if (chunk === undefined && this.#error !== undefined) throw this.#error;
    if (chunk !== undefined) this.#fill();
    return chunk;
  }

  /** Whether all chunks were taken. */
  get isDone(): boolean {
    return this.#ended && this.#ready.length === 0;
  }

  release(buffer: Uint8Array): void {
    if (this.#pool.length <= this.#maxReady) this.#pool.push(buffer);
  }

  /** Resolves when `take` has something to say: a chunk, the end, or an error. */
  async available(): Promise<void> {
    while (this.#ready.length === 0 && !this.#ended && this.#error === undefined && !this.#closed) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#notify();
    await this.#running;
    for (const { buffer } of this.#ready.splice(0)) this.release(buffer);
    await this.#file?.reader.close();
  }

  #fill(): void {
    if (this.#running !== undefined || this.#ended || this.#closed || this.#error !== undefined) return;
    if (this.#ready.length >= this.#maxReady) return;
    this.#running = this.#run().then(
      () => {
        this.#running = undefined;
        // Chunks may have been taken between the end of the run and here.
        this.#fill();
      },
      (error) => {
        this.#running = undefined;
        this.#error = toError(error);
        this.#notify();
      },
    );
  }

  async #run(): Promise<void> {
    this.#file ??= await this.#open();
    const { reader } = this.#file;
    const start = this.#chunkBytes / HEADROOM_SHARE;
    while (this.#ready.length < this.#maxReady && !this.#closed) {
      const buffer = this.#pool.pop() ?? new Uint8Array(start + this.#chunkBytes);
      const count = await reader.read(buffer.subarray(start));
      if (count === 0) {
        this.release(buffer);
        this.#ended = true;
      } else {
        const rawBytes = this.#file.rawBytesRead();
        this.#ready.push({ buffer, start, end: start + count, rawBytes: rawBytes - this.#rawBytes });
        this.#rawBytes = rawBytes;
      }
      this.#notify();
      if (this.#ended) return;
    }
  }

  #notify(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
