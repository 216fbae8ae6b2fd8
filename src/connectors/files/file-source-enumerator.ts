/**
 * Finds the files of a source and gives them, or pieces of them, out: in order, on request, one at a time.
 *
 * Readers of one file stay close together: a piece is given out only if all that is still to be read of the file, by any reader, begins at
 * most one piece for each reader before it. So a reader that is slow holds back the watermark of a file in the order of time,
 * and what windows behind it must keep, by a few pieces only. A reader that asks has read all that it was given; what readers
 * have after a restore, they report.
 *
 * A bounded source looks once, at the start. A watching one looks again and again, and remembers the paths it has seen, each
 * of which is read once: the memory grows with the number of files ever seen. A file that appears must be complete, so
 * writers create it under a hidden name or elsewhere and move it into place.
 */
import { MillraceError } from '../../common/index.ts';
import type { SplitEnumerator, SplitEnumeratorContext } from '../../connector/index.ts';
import { expandPath, type FileStatus, type FileSystem } from '../../filesystem/index.ts';
import { type FileSourceSplit, type PlaceInFile, placeOf, splitsOf } from './file-source-split.ts';

export interface FileSourceCheckpoint {
  /** Found, not assigned. */
  readonly splits: readonly FileSourceSplit[];
  /** All paths found so far; empty unless the source watches. */
  readonly seenPaths: readonly string[];
  /** `false` if the checkpoint was taken before the first look. */
  readonly discovered: boolean;
}

/** From the enumerator to a reader. */
export interface FileSourceEvent {
  readonly type: 'BYTES_TO_READ';
  readonly bytes: number;
}

/** From a reader to the enumerator: what a checkpoint gave it. */
export interface RestoredSplitsEvent {
  readonly type: 'RESTORED_SPLITS';
  readonly splits: readonly PlaceInFile[];
}

export interface FileSourceEnumeratorOptions {
  readonly paths: readonly string[];
  readonly fileSystem: () => Promise<FileSystem>;
  /** Watches for new files if set. */
  readonly discoveryIntervalMs: number | undefined;
  /** The size of the pieces of a file that can be cut. */
  readonly maxSplitBytes: number;
  readonly canBeCut: () => Promise<(path: string) => boolean>;
}

export class FileSourceEnumerator implements SplitEnumerator<FileSourceSplit, FileSourceCheckpoint> {
  readonly #context: SplitEnumeratorContext<FileSourceSplit>;
  readonly #options: FileSourceEnumeratorOptions;
  #splits: FileSourceSplit[];
  readonly #seenPaths: Set<string>;
  #discovered: boolean;
  /** Readers that asked when there was nothing to give. */
  readonly #waiting: number[] = [];
  /** By reader, what it was given since it asked last. */
  readonly #reading = new Map<number, readonly PlaceInFile[]>();

  constructor(
    context: SplitEnumeratorContext<FileSourceSplit>,
    options: FileSourceEnumeratorOptions,
    checkpoint: FileSourceCheckpoint = { splits: [], seenPaths: [], discovered: false },
  ) {
    this.#context = context;
    this.#options = options;
    this.#splits = [...checkpoint.splits];
    this.#seenPaths = new Set(checkpoint.seenPaths);
    this.#discovered = checkpoint.discovered;
  }

  async start(): Promise<void> {
    const periodMs = this.#options.discoveryIntervalMs;
    if (!this.#discovered) this.#add(await this.#discover());
    if (periodMs === undefined) return;
    this.#context.callAsync(
      () => this.#discover(),
      (files, error) => {
        if (error !== undefined) throw error;
        this.#add(files ?? []);
      },
      { initialDelayMs: periodMs, periodMs },
    );
  }

  /** By file, its splits; without the files that were seen before. */
  async #discover(): Promise<FileSourceSplit[][]> {
    const fileSystem = await this.#options.fileSystem();
    const found: FileStatus[] = [];
    for (const path of this.#options.paths) {
      const files = await expandPath(fileSystem, path);
      if (files === undefined) {
        throw new MillraceError(
          'SOURCE_FAILED',
          `There is no file or folder '${path}' to read. Check the path given to the source.`,
          {
            context: { path },
            recoverable: false,
          },
        );
      }
      if (
        files.length === 0 &&
        this.#options.discoveryIntervalMs === undefined &&
        (await fileSystem.status(path)) === undefined
      ) {
        throw new MillraceError('SOURCE_FAILED', `No file matches '${path}'. Check the pattern given to the source.`, {
          context: { path },
          recoverable: false,
        });
      }
      found.push(...files.filter((file) => !this.#seenPaths.has(file.path)));
    }
    const canBeCut = await this.#options.canBeCut();
    const isShared = this.#context.currentParallelism() > 1;
    const maxBytes = (path: string): number =>
      isShared && canBeCut(path) ? this.#options.maxSplitBytes : Number.POSITIVE_INFINITY;
    return found.map((file) => splitsOf(file, maxBytes(file.path)));
  }

  #add(files: readonly FileSourceSplit[][]): void {
    for (const splits of files) {
      const { path } = splits[0] as FileSourceSplit;
      if (this.#seenPaths.has(path)) continue;
      this.#seenPaths.add(path);
      this.#splits.push(...splits);
    }
    this.#discovered = true;
    if (this.#options.discoveryIntervalMs === undefined) this.#seenPaths.clear();
    this.#serveWaiting();
  }

  /** Tells the reader its share of what is to be read, for the progress display. */
  addReader(subtaskIndex: number): void {
    if (this.#options.discoveryIntervalMs !== undefined) return;
    const bytes = this.#splits.reduce((sum, { length }) => sum + length, 0);
    const event: FileSourceEvent = { type: 'BYTES_TO_READ', bytes: bytes / this.#context.currentParallelism() };
    this.#context.sendEventToSourceReader(subtaskIndex, event);
  }

  handleSourceEvent(subtaskIndex: number, event: unknown): void {
    this.#reading.set(subtaskIndex, (event as RestoredSplitsEvent).splits);
  }

  handleSplitRequest(subtaskIndex: number): void {
    this.#reading.delete(subtaskIndex);
    this.#waiting.push(subtaskIndex);
    this.#serveWaiting();
  }

  #serveWaiting(): void {
    if (!this.#discovered) return;
    while (this.#waiting.length > 0) {
      const split = this.#splits[0];
      if (split === undefined && this.#options.discoveryIntervalMs !== undefined) return;
      if (split !== undefined && this.#isTooFarAhead(split)) return;
      const subtaskIndex = this.#waiting.shift() as number;
      if (split === undefined) {
        this.#context.signalNoMoreSplits(subtaskIndex);
        continue;
      }
      this.#splits.shift();
      this.#reading.set(subtaskIndex, [placeOf(split)]);
      this.#context.assignSplit(split, subtaskIndex);
    }
  }

  #isTooFarAhead(split: FileSourceSplit): boolean {
    const { path, offset } = placeOf(split);
    const limit = offset - this.#options.maxSplitBytes * this.#context.currentParallelism();
    for (const places of this.#reading.values()) {
      if (places.some((place) => place.path === path && place.offset < limit)) return true;
    }
    return false;
  }

  addSplitsBack(splits: readonly FileSourceSplit[], subtaskIndex: number): void {
    this.#splits = [...splits, ...this.#splits];
    this.#reading.delete(subtaskIndex);
    const asked = this.#waiting.indexOf(subtaskIndex);
    if (asked >= 0) this.#waiting.splice(asked, 1);
    this.#serveWaiting();
  }

  snapshotState(): FileSourceCheckpoint {
    return { splits: [...this.#splits], seenPaths: [...this.#seenPaths], discovered: this.#discovered };
  }

  close(): void {}
}
