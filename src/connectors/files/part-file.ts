/**
 * One part file in the making: hidden, written in the background in pieces, until it is closed and waits for its commit.
 *
 * Records are encoded into a buffer; when it is full it is handed to the file in the background, and the next one is
 * begun. Writes to one file follow each other; `onBytes` tells the writer how much is on its way, which bounds it.
 */
import { GrowingByteSink } from '../../connector/index.ts';
import { type FileSystem, type FileWriter, joinPath } from '../../filesystem/index.ts';
import type { Compression } from './compression.ts';

/** A finished file that waits for its commit: plain data. */
export interface FileSinkCommittable {
  readonly hiddenPath: string;
  readonly path: string;
}

export interface PartFileDependencies {
  readonly fileSystem: FileSystem;
  readonly compression: Compression | undefined;
  /** Bytes handed to the background (positive), and written (negative). */
  readonly onBytes: (bytes: number) => void;
  /** Counts what was written, before compression. */
  readonly numBytesOut: { inc(n?: number): void };
  readonly onError: (error: unknown, path: string) => void;
}

const BUFFER_BYTES = 64 * 1024;
const NO_BUFFER = new GrowingByteSink(0);
/** What a file that is being closed counts for, so that the number of those is bounded too. */
const CLOSING_BYTES = BUFFER_BYTES;

export class PartFile {
  readonly openedMs: number;
  /** When the last look found that something had been written. */
  activeMs: number;
  wroteSinceLook = true;
  records = 0;
  readonly #committable: FileSinkCommittable;
  readonly #dependencies: PartFileDependencies;
  #buffer = new GrowingByteSink(4096);
  /** A buffer that was written and can be used again. */
  #spare: GrowingByteSink | undefined;
  #handedOver = 0;
  #writer: FileWriter | undefined;
  #tail: Promise<void> = Promise.resolve();
  #finished = false;
  #failed = false;

  constructor(folder: string, name: string, owner: string, openedMs: number, dependencies: PartFileDependencies) {
    this.openedMs = openedMs;
    this.activeMs = openedMs;
    this.#committable = { hiddenPath: joinPath(folder, hiddenName(name, owner)), path: joinPath(folder, name) };
    this.#dependencies = dependencies;
    this.#inBackground(0, async () => {
      const { hiddenPath } = this.#committable;
      const file = await dependencies.fileSystem.create(hiddenPath);
      this.#writer = dependencies.compression?.compress(file, hiddenPath) ?? file;
    });
  }

  /** Where records are encoded; call `wrote` after each. */
  get sink(): GrowingByteSink {
    return this.#buffer;
  }

  /** Bytes so far, before compression. */
  get bytes(): number {
    return this.#handedOver + this.#buffer.length;
  }

  /** Hands the buffer to the file if it is full. */
  wrote(): void {
    this.records++;
    this.wroteSinceLook = true;
    if (this.#buffer.length >= BUFFER_BYTES) this.handOver();
  }

  /** Hands the buffer to the file. */
  handOver(): void {
    if (this.#buffer.length === 0) return;
    const full = this.#buffer;
    this.#buffer = this.#spare ?? new GrowingByteSink(BUFFER_BYTES + BUFFER_BYTES / 8);
    this.#spare = undefined;
    this.#write(full);
  }

  #write(full: GrowingByteSink): void {
    const size = full.length;
    this.#handedOver += size;
    this.#inBackground(size, async () => {
      await this.#writer?.write(full.bytes.subarray(0, size));
      this.#dependencies.numBytesOut.inc(size);
      full.clear();
      if (!this.#finished && full.bytes.length <= 4 * BUFFER_BYTES) this.#spare = full;
    });
  }

  /** Resolves when all handed over so far is written; errors go to `onError`. */
  written(): Promise<void> {
    return this.#tail;
  }

  /** Writes the rest and closes the file durably. The part keeps no buffers: many may wait for their commit. */
  finish(): FileSinkCommittable {
    this.#finished = true;
    this.#write(this.#buffer);
    this.#buffer = NO_BUFFER;
    this.#spare = undefined;
    this.#inBackground(CLOSING_BYTES, async () => this.#writer?.close({ durable: true }));
    return this.#committable;
  }

  /** Closes the file and deletes it. */
  async discard(): Promise<void> {
    await this.#tail;
    if (this.#writer === undefined) return;
    try {
      await this.#writer.close();
    } finally {
      await this.#dependencies.fileSystem.delete(this.#committable.hiddenPath);
    }
  }

  /** Runs `work` behind all before it, unless that failed; meanwhile it counts as so many bytes on their way. */
  #inBackground(bytes: number, work: () => Promise<void>): void {
    const { onBytes, onError } = this.#dependencies;
    onBytes(bytes);
    this.#tail = this.#tail
      .then(() => (this.#failed ? undefined : work()))
      .catch((error) => {
        this.#failed = true;
        onError(error, this.#committable.hiddenPath);
      })
      .then(() => onBytes(-bytes));
  }
}

const IN_PROGRESS = '.inprogress.';

/** The name of a part before its commit: hidden, with the sink that it belongs to. */
export function hiddenName(name: string, owner: string): string {
  return `.${name}${IN_PROGRESS}${owner}`;
}

/** Takes apart the name of a part file, hidden or not; `undefined` for other files. */
export function parsePartName(
  fileName: string,
  prefix: string,
): { readonly subtaskIndex: number; readonly counter: number; readonly owner: string | undefined } | undefined {
  const hidden = fileName.startsWith('.');
  const at = fileName.lastIndexOf(IN_PROGRESS);
  if (hidden !== at > 0) return undefined;
  const name = hidden ? fileName.slice(1, at) : fileName;
  if (!name.startsWith(`${prefix}-`)) return undefined;
  const numbers = /^(\d{1,9})-(\d{1,15})(?!\d)/.exec(name.slice(prefix.length + 1));
  if (numbers === null) return undefined;
  return {
    subtaskIndex: Number(numbers[1]),
    counter: Number(numbers[2]),
    owner: hidden ? fileName.slice(at + IN_PROGRESS.length) : undefined,
  };
}
