/**
 * Reads files in any format: single files, folders, globs; compressed or not; once, or watching for new ones.
 *
 * A split is a file, or, for parallel readers, a piece of a large one, if the format says where files can be cut. What the settings say is fixed when the source is made: each method returns a changed copy.
 */
import { MillraceError } from '../../common/index.ts';
import type {
  Boundedness,
  DecodingFormat,
  MalformedPolicy,
  Source,
  SourceReader,
  SourceReaderContext,
  SplitEnumeratorContext,
} from '../../connector/index.ts';
import { OutputTag } from '../../connector/index.ts';
import type { FileReader, FileSystem } from '../../filesystem/index.ts';
import { type Compression, compressionOf } from './compression.ts';
import { openFilePiece } from './file-piece.ts';
import { type FileSourceCheckpoint, FileSourceEnumerator } from './file-source-enumerator.ts';
import { FileSourceReader } from './file-source-reader.ts';
import type { FileSourceSplit } from './file-source-split.ts';
import { loadLocalFileSystem, loadNodeCompressions } from './platform.ts';
import type { OpenFile } from './read-ahead.ts';

interface FileSourceSettings<T> {
  readonly format: DecodingFormat<T>;
  readonly paths: readonly string[];
  readonly discoveryIntervalMs: number | undefined;
  readonly onMalformed: MalformedPolicy;
  readonly chunkBytes: number;
  readonly readAheadChunks: number;
  readonly maxRecordBytes: number;
  readonly maxSplitBytes: number;
  readonly fileSystem: () => Promise<FileSystem>;
  readonly compressions: () => Promise<readonly Compression[]>;
}

export class FileSource<T> implements Source<T, FileSourceSplit, FileSourceCheckpoint> {
  readonly name = 'File Source';
  readonly boundedness: Boundedness;
  readonly sideOutputTags: readonly OutputTag<unknown>[];
  readonly #settings: FileSourceSettings<T>;

  private constructor(settings: FileSourceSettings<T>) {
    this.#settings = settings;
    this.boundedness = settings.discoveryIntervalMs === undefined ? 'BOUNDED' : 'CONTINUOUS_UNBOUNDED';
    this.sideOutputTags = settings.onMalformed instanceof OutputTag ? [settings.onMalformed as OutputTag<unknown>] : [];
  }

  /**
   * A source of all records in `paths`: files, folders (with all below; names that begin with `.` or `_` are skipped) and
   * globs (`logs/2024-*.json.gz`). Files that end in `.gz` or `.zst` are decompressed.
   */
  static forFormat<T>(format: DecodingFormat<T>, ...paths: readonly string[]): FileSource<T> {
    if (paths.length === 0 || paths.some((path) => typeof path !== 'string' || path === '')) {
      throw new MillraceError('INVALID_OPTION', 'FileSource.forFormat needs at least one path, and none may be empty.');
    }
    return new FileSource({
      format,
      paths,
      discoveryIntervalMs: undefined,
      onMalformed: 'fail',
      chunkBytes: 256 * 1024,
      readAheadChunks: 2,
      maxRecordBytes: 16 * 1024 * 1024,
      maxSplitBytes: 2 * 1024 * 1024,
      fileSystem: loadLocalFileSystem,
      compressions: loadNodeCompressions,
    });
  }

  /**
   * Makes the source unbounded: every `discoveryIntervalMs` it looks for files that it has not seen. Each file is read once, as
   * it is when it is opened; move files into place when they are complete.
   */
  monitorContinuously(discoveryIntervalMs: number): FileSource<T> {
    return this.#with({ discoveryIntervalMs: positive('discoveryIntervalMs', discoveryIntervalMs) });
  }

  /**
   * What happens to records that do not fit the format: 'fail' (the default) ends the job with file, line and column; 'skip'
   * leaves them out; a tag sends them, with their bytes, to that side output. The last two count them in `numRecordsInErrors`.
   */
  onMalformed(policy: MalformedPolicy): FileSource<T> {
    if (policy !== 'fail' && policy !== 'skip' && !(policy instanceof OutputTag)) {
      throw new MillraceError('INVALID_OPTION', "onMalformed takes 'fail', 'skip' or an OutputTag.");
    }
    return this.#with({ onMalformed: policy });
  }

  /** How much is read and decoded at a time; 256 KiB by default (measured: a third faster than 64), at least 16 bytes. */
  withChunkBytes(chunkBytes: number): FileSource<T> {
    return this.#with({ chunkBytes: Math.ceil(Math.max(16, positive('chunkBytes', chunkBytes)) / 4) * 4 });
  }

  /** How long a single record may be; 16 MiB by default. */
  withMaxRecordBytes(maxRecordBytes: number): FileSource<T> {
    return this.#with({ maxRecordBytes: positive('maxRecordBytes', maxRecordBytes) });
  }

  /**
   * Up to which size a file is read by one reader alone; 2 MiB by default. Larger ones are cut into pieces of this size, which
   * parallel readers share, if the format's records end with a byte of their own (`recordEnd`: JSON lines and text, but not CSV, whose
   * quoted fields may have line ends in them) and the file is not compressed. `Infinity` never cuts.
   *
   * Records of a piece keep their order, those of different pieces do not; at parallelism 1, no file is cut. Readers stay
   * close together: with `n` of them, all that is being read of a file lies within `n + 1` pieces, so that the watermark of an input
   * in the order of time is held back by no more than those. What is malformed behind the first piece is reported with its byte, not its line.
   */
  withMaxSplitBytes(maxSplitBytes: number): FileSource<T> {
    if (maxSplitBytes === Number.POSITIVE_INFINITY) return this.#with({ maxSplitBytes });
    return this.#with({ maxSplitBytes: Math.ceil(positive('maxSplitBytes', maxSplitBytes)) });
  }

  /** Reads from `fileSystem` instead of the local disk. */
  withFileSystem(fileSystem: FileSystem): FileSource<T> {
    return this.#with({ fileSystem: async () => fileSystem });
  }

  /** Replaces the compressions that are known by their suffix; with none, every file is read as it is. */
  withCompressions(...compressions: readonly Compression[]): FileSource<T> {
    return this.#with({ compressions: async () => compressions });
  }

  #with(changed: Partial<FileSourceSettings<T>>): FileSource<T> {
    return new FileSource({ ...this.#settings, ...changed });
  }

  createEnumerator(context: SplitEnumeratorContext<FileSourceSplit>): FileSourceEnumerator {
    return this.#enumerator(context, undefined);
  }

  restoreEnumerator(context: SplitEnumeratorContext<FileSourceSplit>, checkpoint: FileSourceCheckpoint): FileSourceEnumerator {
    return this.#enumerator(context, checkpoint);
  }

  #enumerator(
    context: SplitEnumeratorContext<FileSourceSplit>,
    checkpoint: FileSourceCheckpoint | undefined,
  ): FileSourceEnumerator {
    const { paths, fileSystem, discoveryIntervalMs, format, compressions } = this.#settings;
    const { maxSplitBytes } = this.#settings;
    const canBeCut = async (): Promise<(path: string) => boolean> => {
      const known = await compressions();
      return (path) => format.recordEnd !== undefined && compressionOf(path, known) === undefined;
    };
    const options = { paths, fileSystem, discoveryIntervalMs, maxSplitBytes, canBeCut };
    return new FileSourceEnumerator(context, options, checkpoint);
  }

  createReader(context: SourceReaderContext): SourceReader<T, FileSourceSplit> {
    const options = { ...this.#settings, open: (split: FileSourceSplit) => this.#open(split) };
    return new FileSourceReader<T>(context, options, this.boundedness === 'BOUNDED');
  }

  async #open(split: FileSourceSplit): Promise<OpenFile> {
    const { path, position } = split;
    const fileSystem = await this.#settings.fileSystem();
    const compression = compressionOf(path, await this.#settings.compressions());
    let rawBytes = 0;
    const counted = (reader: FileReader): FileReader => ({
      async read(target) {
        const count = await reader.read(target);
        rawBytes += count;
        return count;
      },
      close: () => reader.close(),
    });
    const rawBytesRead = (): number => rawBytes;
    if (compression === undefined) {
      if (!split.isCut && split.end === undefined) {
        return { reader: counted(await fileSystem.open(path, position.offset)), position, rawBytesRead };
      }
      const { isCut = false, end = Number.POSITIVE_INFINITY } = split;
      const recordEnd = this.#recordEnd(split);
      const piece = await openFilePiece(fileSystem, { path, offset: position.offset, isCut, end, recordEnd });
      return { reader: counted(piece), position: { ...position, offset: piece.start }, rawBytesRead };
    }
    const reader = compression.decompress(counted(await fileSystem.open(path)), path);
    try {
      await skipBytes(reader, position.offset);
    } catch (error) {
      await reader.close();
      throw error;
    }
    return { reader, position, rawBytesRead };
  }

  #recordEnd({ path }: FileSourceSplit): number {
    const { format } = this.#settings;
    if (format.recordEnd !== undefined) return format.recordEnd;
    throw new MillraceError(
      'SOURCE_FAILED',
      `The checkpoint has a piece of '${path}', but records of the format '${format.name}' end with no byte of their own. ` +
        'Use the format that the checkpoint was made with, or start without the checkpoint.',
      { context: { path }, recoverable: false },
    );
  }
}

/** Compressed data has no shortcut to a position: it is read up to there. */
async function skipBytes(reader: FileReader, count: number): Promise<void> {
  const scratch = new Uint8Array(Math.min(count, 64 * 1024));
  for (let left = count; left > 0; ) {
    const read = await reader.read(scratch.subarray(0, Math.min(left, scratch.length)));
    if (read === 0) return;
    left -= read;
  }
}

function positive(name: string, value: number): number {
  if (!(Number.isFinite(value) && value > 0)) {
    throw new MillraceError('INVALID_OPTION', `${name} must be a positive number, but is ${value}.`);
  }
  return value;
}
