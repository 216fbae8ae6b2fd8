/**
 * One part file in the making: hidden, written in the background in pieces, until it is closed and waits for its commit.
 *
 * It has three names, one after the other. `.part-0-3.inprogress.<owner>`: no checkpoint knows it. `.part-0-3.pending.<owner>`:
 * a checkpoint may hold it. `part-0-3`: committed. The last one is taken for good as soon as the first exists: a part is never
 * begun under a number that a visible file has.
 * Records are encoded into a buffer; when it is full it is handed to the file in the background, and the next one is
 * begun. Writes to one file follow each other; `onBytes` tells the writer how much is on its way, which bounds it.
 */
import { MillraceError } from '../../common/index.ts';
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

const IN_PROGRESS = '.inprogress.';
const PENDING = '.pending.';
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
  readonly #path: string;
  readonly #pendingPath: string;
  #hiddenPath: string;
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
    this.#path = joinPath(folder, name);
    this.#pendingPath = joinPath(folder, `.${name}${PENDING}${owner}`);
    this.#hiddenPath = joinPath(folder, `.${name}${IN_PROGRESS}${owner}`);
    this.#dependencies = dependencies;
    this.#inBackground(0, () => this.#create());
  }

  /**
   * A visible file of this name is one that the listing at the start missed because it was being committed by another subtask:
   * a restart will see it.
   */
  async #create(): Promise<void> {
    const { fileSystem, compression } = this.#dependencies;
    const file = await fileSystem.create(this.#hiddenPath);
    this.#writer = compression?.compress(file, this.#hiddenPath) ?? file;
    if (await fileSystem.exists(this.#path)) throw new MillraceError('SINK_FAILED', `'${this.#path}' exists already.`);
  }

  /** How it is found once it is finished. */
  get committable(): FileSinkCommittable {
    return { hiddenPath: this.#hiddenPath, path: this.#path };
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
  finish(): void {
    this.#finished = true;
    this.#write(this.#buffer);
    this.#buffer = NO_BUFFER;
    this.#spare = undefined;
    this.#inBackground(CLOSING_BYTES, async () => this.#writer?.close({ durable: true }));
  }

  /** Takes the name of a file that a checkpoint may hold. Call it when the finished file is written; its folder is not synced. */
  async becomePending(): Promise<void> {
    await this.#dependencies.fileSystem.rename(this.#hiddenPath, this.#pendingPath);
    this.#hiddenPath = this.#pendingPath;
  }

  /** Closes the file and deletes it. */
  async discard(): Promise<void> {
    await this.#tail;
    if (this.#writer === undefined) return;
    try {
      await this.#writer.close();
    } finally {
      await this.#dependencies.fileSystem.delete(this.#hiddenPath);
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
        onError(error, this.#hiddenPath);
      })
      .then(() => onBytes(-bytes));
  }
}

/** What the name of a part file says. */
export interface PartName {
  readonly subtaskIndex: number;
  readonly counter: number;
  readonly state: 'IN_PROGRESS' | 'PENDING' | 'FINISHED';
  /** The sink that it belongs to; unknown once it is finished. */
  readonly owner: string | undefined;
}

/** Takes apart the name of a part file, hidden or not; `undefined` for other files. */
export function parsePartName(fileName: string, prefix: string): PartName | undefined {
  let name = fileName;
  let state: PartName['state'] = 'FINISHED';
  let owner: string | undefined;
  if (fileName.startsWith('.')) {
    const [inProgress, pending] = [fileName.lastIndexOf(IN_PROGRESS), fileName.lastIndexOf(PENDING)];
    const at = Math.max(inProgress, pending);
    if (at <= 0) return undefined;
    state = inProgress > pending ? 'IN_PROGRESS' : 'PENDING';
    owner = fileName.slice(at + (state === 'PENDING' ? PENDING : IN_PROGRESS).length);
    name = fileName.slice(1, at);
  }
  if (!name.startsWith(`${prefix}-`)) return undefined;
  const numbers = /^(\d{1,9})-(\d{1,15})(?!\d)/.exec(name.slice(prefix.length + 1));
  if (numbers === null) return undefined;
  return { subtaskIndex: Number(numbers[1]), counter: Number(numbers[2]), state, owner };
}
