/**
 * Writes one subtask's records into part files, one open part for each bucket.
 *
 * Invariants: a name is given once (counters go on behind what is in the folder); at most `maxBytesInFlight` are on their way to
 * storage before `isAvailable` says to wait; every part that was finished is either returned by `prepareCommit` or, if the
 * writer is closed before, deleted. What `prepareCommit` returns for a checkpoint is durable, under the name that keeps it from
 * being taken for what no checkpoint knows. A failure of a write in the background is thrown by the next call.
 */
import { MillraceError, toError } from '../../common/index.ts';
import type {
  ByteSink,
  CommittingSinkWriter,
  EncodingFormat,
  SinkInitContext,
  SinkWriterContext,
} from '../../connector/index.ts';
import { DurableFolders, joinPath, parentPath } from '../../filesystem/index.ts';
import { type BucketAssigner, type BucketContext, checkBucketId } from './bucket-assigner.ts';
import { type FileSinkCommittable, PartFile, type PartFileDependencies } from './part-file.ts';
import { checkIntervalMs, type RollingPolicy } from './rolling-policy.ts';

export interface FileSinkWriterOptions<T> {
  readonly path: string;
  readonly format: EncodingFormat<T>;
  readonly rollingPolicy: RollingPolicy;
  /** One bucket, the sink's own folder, if there is none. */
  readonly bucketAssigner: BucketAssigner<T> | undefined;
  readonly partPrefix: string;
  readonly partSuffix: string;
  readonly maxBytesInFlight: number;
  /** Marks the hidden files as this sink's. */
  readonly owner: string;
  /** By bucket, the first free number for a part of this subtask. */
  readonly firstCounters: ReadonlyMap<string, number>;
  /** Files to delete, if they are still there, once a checkpoint of this run is complete. */
  readonly superseded: readonly string[];
}

interface Bucket {
  readonly folder: string;
  nextCounter: number;
  part: PartFile | undefined;
}

export class FileSinkWriter<T> implements CommittingSinkWriter<T, FileSinkCommittable> {
  readonly #options: FileSinkWriterOptions<T>;
  readonly #context: SinkInitContext;
  readonly #dependencies: PartFileDependencies;
  readonly #durableFolders: DurableFolders;
  readonly #encode: (value: T, sink: ByteSink) => void;
  readonly #policy: RollingPolicy;
  readonly #buckets = new Map<string, Bucket>();
  readonly #bucketContext: BucketContext & { timestamp: number; currentWatermark: number };
  #lastBucketId: string | undefined;
  #lastBucket: Bucket | undefined;
  /** Closed or closing, not handed over for commit. */
  #finished: PartFile[] = [];
  #superseded: readonly string[];
  #inputEnded = false;
  #bytesInFlight = 0;
  #available: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #error: MillraceError | undefined;
  #cancelTimer: () => void = () => {};
  #closed = false;

  constructor(
    options: FileSinkWriterOptions<T>,
    context: SinkInitContext,
    dependencies: Pick<PartFileDependencies, 'fileSystem' | 'compression'>,
  ) {
    this.#options = options;
    this.#superseded = options.superseded;
    this.#context = context;
    this.#policy = options.rollingPolicy;
    this.#encode = options.format.createEncoder();
    this.#bucketContext = {
      timestamp: 0,
      currentWatermark: 0,
      currentProcessingTime: () => context.clock.currentTimeMs(),
    };
    this.#dependencies = {
      ...dependencies,
      onBytes: (bytes) => this.#onBytes(bytes),
      numBytesOut: context.counter('numBytesOut'),
      onError: (error, path) => this.#onError(error, path),
    };
    this.#durableFolders = new DurableFolders(dependencies.fileSystem);
    this.#scheduleLook();
  }

  write(value: T, context: SinkWriterContext): void {
    if (this.#error !== undefined) throw this.#error;
    const bucket = this.#options.bucketAssigner === undefined ? this.#bucket('') : this.#assign(value, context);
    bucket.part ??= this.#openPart(bucket);
    const part = bucket.part;
    this.#encode(value, part.sink);
    part.wrote();
    if (part.records >= this.#policy.maxRecords || part.bytes >= this.#policy.maxPartBytes) this.#finish(bucket);
  }

  isAvailable(): Promise<void> | undefined {
    if (this.#error !== undefined) throw this.#error;
    return this.#available?.promise;
  }

  async flush(endOfInput: boolean): Promise<void> {
    this.#inputEnded ||= endOfInput;
    for (const bucket of this.#buckets.values()) bucket.part?.handOver();
    await this.#settled();
  }

  /** Finishes every open part: what one commit makes visible are whole files. */
  async prepareCommit(): Promise<FileSinkCommittable[]> {
    for (const bucket of this.#buckets.values()) this.#finish(bucket);
    await this.#settled();
    const parts = this.#finished;
    // What is committed as soon as the input has ended is never part of a checkpoint.
    if (this.#context.checkpointingEnabled || !this.#inputEnded) {
      for (const part of parts) await part.becomePending();
      const folders = new Set(parts.map(({ committable }) => parentPath(committable.path)));
      for (const folder of folders) {
        await this.#durableFolders.syncAncestors(folder);
        await this.#dependencies.fileSystem.syncDirectory(folder);
      }
    }
    this.#finished = [];
    return parts.map((part) => part.committable);
  }

  /** What the restored checkpoint holds has been committed by now; what waits beside it belongs to a past that was given up. */
  async notifyCheckpointComplete(): Promise<void> {
    const superseded = this.#superseded;
    this.#superseded = [];
    for (const path of superseded) {
      if (!(await this.#dependencies.fileSystem.delete(path))) continue;
      this.#context.logger.log(
        'info',
        `Deleted '${path}': the job went on from an earlier checkpoint than the one that held it.`,
      );
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelTimer();
    const parts = this.#finished;
    for (const bucket of this.#buckets.values()) if (bucket.part !== undefined) parts.push(bucket.part);
    this.#finished = [];
    this.#buckets.clear();
    this.#available?.resolve();
    for (const part of parts) {
      try {
        await part.discard();
      } catch (error) {
        this.#context.logger.log('warn', 'Cannot delete a part file that will not be committed.', {
          error: toError(error).message,
        });
      }
    }
  }

  #assign(value: T, context: SinkWriterContext): Bucket {
    const bucketContext = this.#bucketContext;
    bucketContext.timestamp = context.timestamp;
    bucketContext.currentWatermark = context.currentWatermark;
    return this.#bucket((this.#options.bucketAssigner as BucketAssigner<T>)(value, bucketContext));
  }

  #bucket(bucketId: string): Bucket {
    if (bucketId === this.#lastBucketId && this.#lastBucket !== undefined) return this.#lastBucket;
    let bucket = this.#buckets.get(bucketId);
    if (bucket === undefined) {
      checkBucketId(bucketId);
      const nextCounter = this.#options.firstCounters.get(bucketId) ?? 0;
      bucket = { folder: joinPath(this.#options.path, bucketId), nextCounter, part: undefined };
      this.#buckets.set(bucketId, bucket);
    }
    this.#lastBucketId = bucketId;
    this.#lastBucket = bucket;
    return bucket;
  }

  #openPart(bucket: Bucket): PartFile {
    const { partPrefix, partSuffix, owner, format } = this.#options;
    const suffix = partSuffix + (this.#dependencies.compression?.suffix ?? '');
    const name = `${partPrefix}-${this.#context.subtaskIndex}-${bucket.nextCounter++}${suffix}`;
    const part = new PartFile(bucket.folder, name, owner, this.#context.clock.monotonicMs(), this.#dependencies);
    if (format.header !== undefined) part.sink.writeBytes(format.header);
    return part;
  }

  #finish(bucket: Bucket): void {
    const part = bucket.part;
    if (part === undefined) return;
    part.finish();
    this.#finished.push(part);
    bucket.part = undefined;
  }

  async #settled(): Promise<void> {
    for (const part of this.#finished) await part.written();
    for (const bucket of this.#buckets.values()) await bucket.part?.written();
    if (this.#error !== undefined) throw this.#error;
  }

  #scheduleLook(): void {
    const intervalMs = checkIntervalMs(this.#policy);
    if (intervalMs === Number.POSITIVE_INFINITY) return;
    const timer = this.#context.clock.setTimer(
      intervalMs,
      () => {
        if (this.#closed) return;
        this.#rollByTime();
        this.#scheduleLook();
      },
      { unref: true },
    );
    this.#cancelTimer = () => timer.cancel();
  }

  #rollByTime(): void {
    const nowMs = this.#context.clock.monotonicMs();
    for (const bucket of this.#buckets.values()) {
      const part = bucket.part;
      if (part === undefined) continue;
      if (part.wroteSinceLook) {
        part.wroteSinceLook = false;
        part.activeMs = nowMs;
      }
      const tooOld = nowMs - part.openedMs >= this.#policy.rolloverIntervalMs;
      if (tooOld || nowMs - part.activeMs >= this.#policy.inactivityIntervalMs) this.#finish(bucket);
    }
  }

  #onBytes(bytes: number): void {
    this.#bytesInFlight += bytes;
    if (this.#bytesInFlight > this.#options.maxBytesInFlight) {
      this.#available ??= Promise.withResolvers<void>();
    } else if (this.#bytesInFlight <= this.#options.maxBytesInFlight / 2 && this.#available !== undefined) {
      this.#available.resolve();
      this.#available = undefined;
    }
  }

  #onError(error: unknown, path: string): void {
    this.#error ??= new MillraceError('SINK_FAILED', `The file sink cannot write '${path}': ${toError(error).message}`, {
      cause: error,
      context: { path },
    });
    this.#available?.resolve();
    this.#available = undefined;
  }
}
