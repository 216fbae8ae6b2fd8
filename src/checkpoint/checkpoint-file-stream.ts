/**
 * Writes one file of a checkpoint, or no file if there is little to write.
 *
 * Up to a threshold the bytes stay in memory and go into the handle. Beyond it they go into a file under a temporary name,
 * which is synced, moved to its own name, and that name synced as well, before `finish` hands out the handle. So a handle
 * never refers to what a power cut can take away, and whatever fails before leaves no file behind (if it can be removed).
 */
import { MillraceError } from '../common/index.ts';
import { type FileSystem, type FileWriter, parentPath } from '../filesystem/index.ts';
import { ByteBuffer, crc32 } from '../serialization/index.ts';
import type { CheckpointOutputStream, StateHandle } from '../state/index.ts';
import { temporaryFile } from './layout.ts';

/** Pieces are gathered up to this size before they are written. */
const BUFFER_BYTES = 65_536;

export interface CheckpointFileStreamOptions {
  /** The file, should there be one. */
  readonly file: string;
  readonly inlineThresholdBytes: number;
}

export interface CheckpointFileStreamDependencies {
  readonly fileSystem: FileSystem;
}

export class CheckpointFileStream implements CheckpointOutputStream {
  readonly #file: string;
  readonly #temporary: string;
  readonly #inlineThresholdBytes: number;
  readonly #fileSystem: FileSystem;
  readonly #buffer = new ByteBuffer(1024);
  #state: 'OPEN' | 'FINISHED' | 'ABORTED' = 'OPEN';
  #writer: FileWriter | undefined;
  #crc32 = 0;
  /** What is under way; never rejects. */
  #work: Promise<unknown> = Promise.resolve();
  position = 0;

  constructor(options: CheckpointFileStreamOptions, dependencies: CheckpointFileStreamDependencies) {
    this.#file = options.file;
    this.#temporary = temporaryFile(options.file);
    this.#inlineThresholdBytes = options.inlineThresholdBytes;
    this.#fileSystem = dependencies.fileSystem;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#attempt(() => this.#append(bytes));
  }

  finish(): Promise<StateHandle> {
    return this.#attempt(async () => {
      const handle = await this.#complete();
      this.#checkOpen();
      this.#state = 'FINISHED';
      return handle;
    });
  }

  async abort(): Promise<void> {
    if (this.#state !== 'OPEN') return;
    this.#state = 'ABORTED';
    await this.#work;
    await this.#remove();
  }

  async #append(bytes: Uint8Array): Promise<void> {
    this.#crc32 = crc32(bytes, this.#crc32);
    this.position += bytes.length;
    const gathered = this.#buffer.length + bytes.length;
    if (gathered <= (this.#writer === undefined ? this.#inlineThresholdBytes : BUFFER_BYTES)) {
      this.#buffer.writeBytes(bytes);
      return;
    }
    this.#writer ??= await this.#fileSystem.create(this.#temporary);
    if (bytes.length < BUFFER_BYTES && gathered <= BUFFER_BYTES) {
      this.#buffer.writeBytes(bytes);
      return;
    }
    await this.#writer.write(this.#buffer.view());
    this.#buffer.reset();
    if (bytes.length < BUFFER_BYTES) this.#buffer.writeBytes(bytes);
    else await this.#writer.write(bytes);
  }

  async #complete(): Promise<StateHandle> {
    if (this.#writer === undefined) return { kind: 'INLINE', bytes: this.#buffer.copy() };
    await this.#writer.write(this.#buffer.view());
    await this.#writer.close({ durable: true });
    await this.#fileSystem.rename(this.#temporary, this.#file);
    await this.#fileSystem.syncDirectory(parentPath(this.#file));
    return { kind: 'FILE', file: this.#file, offset: 0, length: this.position, crc32: this.#crc32 };
  }

  /** One call at a time, but for `abort`. */
  async #attempt<R>(work: () => Promise<R>): Promise<R> {
    this.#checkOpen();
    const result = work();
    this.#work = result.catch(() => {});
    try {
      return await result;
    } catch (error) {
      await this.abort();
      throw error;
    }
  }

  #checkOpen(): void {
    if (this.#state === 'OPEN') return;
    const what = this.#state === 'FINISHED' ? 'finished' : 'aborted';
    throw new MillraceError('ILLEGAL_STATE', `The checkpoint file '${this.#file}' is ${what} already.`);
  }

  async #remove(): Promise<void> {
    if (this.#writer === undefined) return;
    await this.#writer.close().catch(() => {});
    // A move that was reported as failed may have happened.
    for (const path of [this.#temporary, this.#file]) await this.#fileSystem.delete(path).catch(() => false);
  }
}
