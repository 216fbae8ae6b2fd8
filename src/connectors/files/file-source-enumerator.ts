/**
 * Finds the files of a source and gives them out: in order, on request, one at a time.
 *
 * A bounded source looks once, at the start. A watching one looks again and again, and remembers the paths it has seen, each
 * of which is read once: the memory grows with the number of files ever seen. A file that appears must be complete, so
 * writers create it under a hidden name or elsewhere and move it into place.
 */
import { MillraceError } from '../../common/index.ts';
import type { SplitEnumerator, SplitEnumeratorContext } from '../../connector/index.ts';
import { expandPath, type FileStatus, type FileSystem } from '../../filesystem/index.ts';
import { type FileSourceSplit, splitOf } from './file-source-split.ts';

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

export interface FileSourceEnumeratorOptions {
  readonly paths: readonly string[];
  readonly fileSystem: () => Promise<FileSystem>;
  /** Watches for new files if set. */
  readonly discoveryIntervalMs: number | undefined;
}

export class FileSourceEnumerator implements SplitEnumerator<FileSourceSplit, FileSourceCheckpoint> {
  readonly #context: SplitEnumeratorContext<FileSourceSplit>;
  readonly #options: FileSourceEnumeratorOptions;
  #splits: FileSourceSplit[];
  readonly #seenPaths: Set<string>;
  #discovered: boolean;
  /** Readers that asked when there was nothing to give. */
  readonly #waiting: number[] = [];

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

  async #discover(): Promise<FileStatus[]> {
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
      found.push(...files);
    }
    return found;
  }

  #add(files: readonly FileStatus[]): void {
    for (const file of files) {
      if (this.#seenPaths.has(file.path)) continue;
      this.#seenPaths.add(file.path);
      this.#splits.push(splitOf(file));
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

  handleSplitRequest(subtaskIndex: number): void {
    this.#waiting.push(subtaskIndex);
    this.#serveWaiting();
  }

  #serveWaiting(): void {
    if (!this.#discovered) return;
    while (this.#waiting.length > 0) {
      const split = this.#splits.shift();
      if (split === undefined && this.#options.discoveryIntervalMs !== undefined) return;
      const subtaskIndex = this.#waiting.shift() as number;
      if (split === undefined) this.#context.signalNoMoreSplits(subtaskIndex);
      else this.#context.assignSplit(split, subtaskIndex);
    }
  }

  addSplitsBack(splits: readonly FileSourceSplit[], subtaskIndex: number): void {
    this.#splits = [...splits, ...this.#splits];
    const asked = this.#waiting.indexOf(subtaskIndex);
    if (asked >= 0) this.#waiting.splice(asked, 1);
    this.#serveWaiting();
  }

  snapshotState(): FileSourceCheckpoint {
    return { splits: [...this.#splits], seenPaths: [...this.#seenPaths], discovered: this.#discovered };
  }

  close(): void {}
}
