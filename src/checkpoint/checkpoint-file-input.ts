/**
 * Reads what handles refer to, and trusts no file: what is missing, cut off or changed is reported with its place.
 */
import { MillraceError } from '../common/index.ts';
import { type FileReader, type FileSystem, isNotFound } from '../filesystem/index.ts';
import { crc32 } from '../serialization/index.ts';
import type { CheckpointInput, StateHandle } from '../state/index.ts';

type FileHandle = Extract<StateHandle, { kind: 'FILE' }>;

const CHUNK_BYTES = 1 << 18;

export interface CheckpointFileInputDependencies {
  readonly fileSystem: FileSystem;
  /** Where `copyTo` copies to. */
  readonly localFileSystem: FileSystem;
}

export class CheckpointFileInput implements CheckpointInput {
  readonly #fileSystem: FileSystem;
  readonly #localFileSystem: FileSystem;

  constructor({ fileSystem, localFileSystem }: CheckpointFileInputDependencies) {
    this.#fileSystem = fileSystem;
    this.#localFileSystem = localFileSystem;
  }

  async read(handle: StateHandle): Promise<Uint8Array> {
    if (handle.kind === 'INLINE') return handle.bytes;
    const bytes = await this.readRange(handle, 0, handle.length);
    if (crc32(bytes) !== handle.crc32) throw checksumError(handle);
    return bytes;
  }

  async readRange(handle: StateHandle, offset: number, length: number): Promise<Uint8Array> {
    const available = handle.kind === 'INLINE' ? handle.bytes.length : handle.length;
    if (offset + length > available) {
      const where = handle.kind === 'INLINE' ? 'in the metadata' : `of the checkpoint file '${handle.file}'`;
      throw damaged(`Bytes ${offset} to ${offset + length} of a part ${where} are asked for, but it has only ${available}.`);
    }
    if (handle.kind === 'INLINE') return handle.bytes.subarray(offset, offset + length);
    // Before memory is taken for it.
    if (length > CHUNK_BYTES) await this.checkPresence(handle);
    const bytes = new Uint8Array(length);
    let filled = 0;
    await this.#forEachChunk({ ...handle, offset: handle.offset + offset, length }, bytes, (chunk) => {
      filled += chunk.length;
      return bytes.subarray(filled);
    });
    return bytes;
  }

  async copyTo(handle: StateHandle, localPath: string): Promise<void> {
    const writer = await this.#localFileSystem.create(localPath, { overwrite: true });
    try {
      if (handle.kind === 'INLINE') await writer.write(handle.bytes);
      else await this.#readChecked(handle, (chunk) => writer.write(chunk));
      await writer.close();
    } catch (error) {
      await writer.close().catch(() => {});
      await this.#localFileSystem.delete(localPath).catch(() => false);
      throw error;
    }
  }

  /** Reads all that a handle refers to, and keeps nothing. @throws MillraceError as `read` */
  async verify(handle: StateHandle): Promise<void> {
    if (handle.kind === 'FILE') await this.#readChecked(handle, async () => {});
  }

  /** Whether a file is there and long enough; its content is not read. @throws MillraceError as `read` */
  async checkPresence({ file, offset, length }: FileHandle): Promise<void> {
    const status = await this.#fileSystem.status(file);
    if (status === undefined) throw missing(file);
    if (status.length < offset + length) throw cutOff(file, offset + length, status.length);
  }

  async #readChecked(handle: FileHandle, take: (chunk: Uint8Array) => Promise<void>): Promise<void> {
    const buffer = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(1, handle.length)));
    let checksum = 0;
    await this.#forEachChunk(handle, buffer, async (chunk) => {
      checksum = crc32(chunk, checksum);
      await take(chunk);
      return buffer;
    });
    if (checksum !== handle.crc32) throw checksumError(handle);
  }

  /** `visit` returns where the next chunk goes. */
  async #forEachChunk(
    { file, offset, length }: FileHandle,
    first: Uint8Array,
    visit: (chunk: Uint8Array) => Uint8Array | Promise<Uint8Array>,
  ): Promise<void> {
    if (length === 0) return;
    const reader = await this.#open(file, offset);
    try {
      let target = first;
      for (let left = length; left > 0; ) {
        const count = await reader.read(target.subarray(0, Math.min(left, target.length)));
        if (count === 0) throw cutOff(file, offset + length, offset + length - left);
        left -= count;
        target = await visit(target.subarray(0, count));
      }
    } finally {
      await reader.close();
    }
  }

  async #open(file: string, offset: number): Promise<FileReader> {
    try {
      return await this.#fileSystem.open(file, offset);
    } catch (error) {
      throw isNotFound(error) ? missing(file, error) : error;
    }
  }
}

const ADVICE = 'Start from an older checkpoint or a savepoint instead.';

function damaged(message: string, path?: string, cause?: unknown): MillraceError {
  return new MillraceError('CORRUPT_DATA', message, { cause, context: path === undefined ? {} : { path }, recoverable: false });
}

function missing(file: string, cause?: unknown): MillraceError {
  return damaged(
    `The checkpoint file '${file}' is not there: it was deleted, or its folder was moved without it. ${ADVICE}`,
    file,
    cause,
  );
}

function cutOff(file: string, expectedBytes: number, actualBytes: number): MillraceError {
  return damaged(
    `The checkpoint file '${file}' is cut off: it has ${actualBytes} bytes, and ${expectedBytes} were written. ${ADVICE}`,
    file,
  );
}

function checksumError({ file, offset, length }: FileHandle): MillraceError {
  const part = `bytes ${offset} to ${offset + length}`;
  return damaged(`The checkpoint file '${file}' is damaged: the checksum of ${part} does not fit. ${ADVICE}`, file);
}
