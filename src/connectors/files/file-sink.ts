/**
 * Writes records into part files, in any format: `part-<subtask>-<number><suffix>`, in buckets, rolling.
 *
 * Two-phase: a part is written under a hidden name and takes its own name by a commit, so readers see whole files only, and
 * each record once: with checkpoints on, every part ends at a checkpoint and is committed when that is complete; without, all
 * are committed at the end of the input. `sink-folder.ts` says what becomes of the hidden files that a crash leaves, and why
 * no name is given twice.
 * Files belong to the operator's id, which is the same in every run of a program. So two runs of one program must not write
 * into the same folder at once; one after the other is fine: files of earlier runs are kept, and numbers go on behind them.
 */
import { MillraceError } from '../../common/index.ts';
import type { EncodingFormat, Sink, SinkInitContext } from '../../connector/index.ts';
import type { FileSystem } from '../../filesystem/index.ts';
import type { BucketAssigner } from './bucket-assigner.ts';
import type { Compression } from './compression.ts';
import { FileSinkCommitter } from './file-sink-committer.ts';
import { FileSinkWriter } from './file-sink-writer.ts';
import type { FileSinkCommittable } from './part-file.ts';
import { loadLocalFileSystem, loadNodeCompressions } from './platform.ts';
import { ROLLING_DEFAULTS, type RollingPolicy, rollingPolicy } from './rolling-policy.ts';
import { takeStock } from './sink-folder.ts';

interface FileSinkSettings<T> {
  readonly path: string;
  readonly format: EncodingFormat<T>;
  readonly rollingPolicy: RollingPolicy;
  readonly bucketAssigner: BucketAssigner<T> | undefined;
  readonly partPrefix: string;
  readonly partSuffix: string;
  readonly maxBytesInFlight: number;
  readonly compression: (() => Promise<Compression>) | undefined;
  readonly fileSystem: () => Promise<FileSystem>;
}

export class FileSink<T> implements Sink<T, FileSinkCommittable> {
  readonly name = 'File Sink';
  readonly deliveryGuarantee = 'EXACTLY_ONCE';
  readonly #settings: FileSinkSettings<T>;

  private constructor(settings: FileSinkSettings<T>) {
    this.#settings = settings;
  }

  /** A sink that writes into the folder `path`, which need not exist. */
  static forFormat<T>(path: string, format: EncodingFormat<T>): FileSink<T> {
    if (typeof path !== 'string' || path === '') {
      throw new MillraceError('INVALID_OPTION', 'FileSink.forFormat needs the path of a folder.');
    }
    return new FileSink({
      path,
      format,
      rollingPolicy: ROLLING_DEFAULTS,
      bucketAssigner: undefined,
      partPrefix: 'part',
      partSuffix: '',
      maxBytesInFlight: 4 * 1024 * 1024,
      compression: undefined,
      fileSystem: loadLocalFileSystem,
    });
  }

  /**
   * Sets limits for parts; those not given stay as they are by default, `Infinity` switches one off. With checkpoints on, parts
   * end at each checkpoint besides.
   */
  withRollingPolicy(limits: Partial<RollingPolicy>): FileSink<T> {
    return this.#with({ rollingPolicy: rollingPolicy(limits) });
  }

  /** Sorts records into folders below the sink's. */
  withBucketAssigner(bucketAssigner: BucketAssigner<T>): FileSink<T> {
    return this.#with({ bucketAssigner });
  }

  /** Names parts `<prefix>-<subtask>-<number><suffix>`; 'part' and '' by default. A compression adds its own suffix. */
  withPartNames(names: { readonly prefix?: string; readonly suffix?: string }): FileSink<T> {
    const { prefix = this.#settings.partPrefix, suffix = this.#settings.partSuffix } = names;
    if (!/^[A-Za-z0-9][\w.-]*$/.test(prefix) || !/^(?![0-9])[\w.-]*$/.test(suffix)) {
      throw new MillraceError(
        'INVALID_OPTION',
        `Part names cannot have the prefix '${prefix}' and the suffix '${suffix}': letters, digits, '.', '_' and '-' only, ` +
          'the prefix begins with a letter or digit, the suffix not with a digit.',
      );
    }
    return this.#with({ partPrefix: prefix, partSuffix: suffix });
  }

  /** Compresses the parts; their names end in `.gz` or `.zst`. */
  withCompression(compression: 'gzip' | 'zstd' | Compression): FileSink<T> {
    if (typeof compression === 'object') return this.#with({ compression: async () => compression });
    if (compression !== 'gzip' && compression !== 'zstd') {
      throw new MillraceError('INVALID_OPTION', `Unknown compression '${compression}': 'gzip' and 'zstd' are known.`);
    }
    const load = async (): Promise<Compression> => {
      const found = (await loadNodeCompressions()).find((known) => known.name === compression);
      if (found === undefined) throw new MillraceError('INVALID_OPTION', `This platform has no ${compression}.`);
      return found;
    };
    return this.#with({ compression: load });
  }

  /** Writes to `fileSystem` instead of the local disk. */
  withFileSystem(fileSystem: FileSystem): FileSink<T> {
    return this.#with({ fileSystem: async () => fileSystem });
  }

  /** How many encoded bytes may wait for storage before the sink holds back its input; 4 MiB by default. */
  withMaxBytesInFlight(maxBytesInFlight: number): FileSink<T> {
    if (!(maxBytesInFlight > 0)) {
      throw new MillraceError('INVALID_OPTION', `maxBytesInFlight must be a positive number, but is ${maxBytesInFlight}.`);
    }
    return this.#with({ maxBytesInFlight });
  }

  #with(changed: Partial<FileSinkSettings<T>>): FileSink<T> {
    return new FileSink({ ...this.#settings, ...changed });
  }

  async createWriter(context: SinkInitContext): Promise<FileSinkWriter<T>> {
    const settings = this.#settings;
    const fileSystem = await settings.fileSystem();
    const compression = await settings.compression?.();
    const stock = await takeStock(settings, fileSystem, context);
    return new FileSinkWriter({ ...settings, owner: context.operatorId, ...stock }, context, { fileSystem, compression });
  }

  async createCommitter(): Promise<FileSinkCommitter> {
    return new FileSinkCommitter(await this.#settings.fileSystem());
  }
}
