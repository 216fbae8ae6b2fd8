/**
 * How a job takes checkpoints, as programs set it: `env.getCheckpointConfig()`. Starts from the configuration; what the
 * program sets counts more. What does not go together is refused when the job is executed, when all is known.
 */
import { type Configuration, MillraceError } from '../common/index.ts';
import type { CheckpointSettings } from '../protocol/index.ts';
import { CheckpointingOptions, type ExternalizedCheckpointRetention, LEAST_CHECKPOINT_TIME_MS } from './checkpointing-options.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class CheckpointConfig {
  private readonly settings: Mutable<CheckpointSettings>;

  /** @internal */
  constructor(configuration: Configuration) {
    const o = CheckpointingOptions;
    const intervalMs = configuration.get(o.CHECKPOINTING_INTERVAL);
    const directory = configuration.get(o.CHECKPOINTS_DIRECTORY);
    const savepointDirectory = configuration.get(o.SAVEPOINT_DIRECTORY);
    this.settings = {
      ...(intervalMs > 0 ? { intervalMs } : {}),
      minPauseMs: configuration.get(o.MIN_PAUSE_BETWEEN_CHECKPOINTS),
      timeoutMs: configuration.get(o.CHECKPOINTING_TIMEOUT),
      maxConcurrent: configuration.get(o.MAX_CONCURRENT_CHECKPOINTS),
      tolerableFailed: configuration.get(o.TOLERABLE_FAILURE_NUMBER),
      numRetained: configuration.get(o.MAX_RETAINED_CHECKPOINTS),
      retention: configuration.get(o.EXTERNALIZED_CHECKPOINT_RETENTION),
      unaligned: configuration.get(o.ENABLE_UNALIGNED),
      alignedTimeoutMs: configuration.get(o.ALIGNED_CHECKPOINT_TIMEOUT),
      ...(directory === '' ? {} : { directory }),
      ...(savepointDirectory === '' ? {} : { savepointDirectory }),
      inlineThresholdBytes: configuration.get(o.FS_SMALL_FILE_THRESHOLD),
    };
  }

  /** Starts a checkpoint every `intervalMs`. @throws MillraceError `INVALID_OPTION` below 10 ms */
  setCheckpointInterval(intervalMs: number): this {
    checkDuration('checkpoint interval', intervalMs, LEAST_CHECKPOINT_TIME_MS);
    this.settings.intervalMs = intervalMs;
    return this;
  }

  getCheckpointInterval(): number | undefined {
    return this.settings.intervalMs;
  }

  /** Whether there are periodic checkpoints. */
  isCheckpointingEnabled(): boolean {
    return this.settings.intervalMs !== undefined;
  }

  /** No periodic checkpoints. */
  disableCheckpointing(): this {
    delete this.settings.intervalMs;
    return this;
  }

  /** The least time from the end of one checkpoint to the start of the next. */
  setMinPauseBetweenCheckpoints(minPauseMs: number): this {
    checkDuration('minimum pause between checkpoints', minPauseMs, 0);
    this.settings.minPauseMs = minPauseMs;
    return this;
  }

  /** A checkpoint that takes longer is given up. */
  setCheckpointTimeout(timeoutMs: number): this {
    checkDuration('checkpoint timeout', timeoutMs, LEAST_CHECKPOINT_TIME_MS);
    this.settings.timeoutMs = timeoutMs;
    return this;
  }

  setMaxConcurrentCheckpoints(maxConcurrent: number): this {
    checkCount('number of concurrent checkpoints', maxConcurrent, 1);
    this.settings.maxConcurrent = maxConcurrent;
    return this;
  }

  /** How many checkpoints in a row may fail before the job does. */
  setTolerableCheckpointFailureNumber(tolerableFailed: number): this {
    checkCount('number of tolerable checkpoint failures', tolerableFailed, 0);
    this.settings.tolerableFailed = tolerableFailed;
    return this;
  }

  /** How many completed checkpoints are kept. */
  setMaxRetainedCheckpoints(numRetained: number): this {
    checkCount('number of retained checkpoints', numRetained, 1);
    this.settings.numRetained = numRetained;
    return this;
  }

  /** What becomes of the checkpoints of a job that is canceled or fails for good; those of one that finishes are deleted. */
  setExternalizedCheckpointRetention(retention: ExternalizedCheckpointRetention): this {
    const option = CheckpointingOptions.EXTERNALIZED_CHECKPOINT_RETENTION;
    const value = option.parse(retention);
    if (value === undefined) {
      throw new MillraceError('INVALID_OPTION', `The retention of checkpoints must be ${option.expects}; got ${retention}.`);
    }
    this.settings.retention = value;
    return this;
  }

  /** Barriers overtake the data in front of them, which becomes part of the checkpoint: fast under backpressure, but larger. */
  enableUnalignedCheckpoints(enabled = true): this {
    this.settings.unaligned = enabled;
    return this;
  }

  /** With unaligned checkpoints: each tries to be an aligned one for so long first. */
  setAlignedCheckpointTimeout(alignedTimeoutMs: number): this {
    checkDuration('aligned checkpoint timeout', alignedTimeoutMs, 0);
    this.settings.alignedTimeoutMs = alignedTimeoutMs;
    return this;
  }

  /** The folder for checkpoints; without one they are kept in memory, and end with the process. */
  setCheckpointStorage(directory: string): this {
    this.settings.directory = checkDirectory('checkpoints', directory);
    return this;
  }

  /** The folder for savepoints that are triggered without one. */
  setSavepointDirectory(directory: string): this {
    this.settings.savepointDirectory = checkDirectory('savepoints', directory);
    return this;
  }

  /** @internal @throws MillraceError `INVALID_OPTION` for what does not go together */
  toSettings(): CheckpointSettings {
    const settings = { ...this.settings };
    const { intervalMs, timeoutMs, maxConcurrent, minPauseMs, unaligned, alignedTimeoutMs, retention, directory } = settings;
    if (intervalMs !== undefined) checkDuration('checkpoint interval', intervalMs, LEAST_CHECKPOINT_TIME_MS);
    checkDuration('checkpoint timeout', timeoutMs, LEAST_CHECKPOINT_TIME_MS);
    if (maxConcurrent > 1 && minPauseMs > 0) {
      throw contradiction(
        `Up to ${maxConcurrent} checkpoints at once and a minimum pause of ${minPauseMs} ms between them exclude each other`,
        'Leave one of setMaxConcurrentCheckpoints and setMinPauseBetweenCheckpoints out',
      );
    }
    if (maxConcurrent > 1 && unaligned) {
      throw contradiction(
        `Unaligned checkpoints cannot overlap, but up to ${maxConcurrent} at once are allowed`,
        'Leave setMaxConcurrentCheckpoints out, or enableUnalignedCheckpoints',
      );
    }
    if (alignedTimeoutMs > 0 && !unaligned) {
      throw contradiction(
        `An aligned checkpoint timeout (${alignedTimeoutMs} ms) has no effect unless checkpoints may become unaligned`,
        'Call enableUnalignedCheckpoints, or leave setAlignedCheckpointTimeout out',
      );
    }
    if (retention !== 'NO_EXTERNALIZED_CHECKPOINTS' && directory === undefined) {
      throw contradiction(
        `Checkpoints that are to be kept (${retention}) need a folder, but none is set`,
        `Call setCheckpointStorage(directory), or set '${CheckpointingOptions.CHECKPOINTS_DIRECTORY.key}'`,
      );
    }
    return settings;
  }
}

function contradiction(what: string, remedy: string): MillraceError {
  return new MillraceError('INVALID_OPTION', `${what}. ${remedy}.`);
}

function checkDuration(what: string, valueMs: number, least: number): void {
  if (Number.isFinite(valueMs) && valueMs >= least) return;
  throw new MillraceError('INVALID_OPTION', `The ${what} must be at least ${least} ms; got ${valueMs}.`);
}

function checkCount(what: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new MillraceError('INVALID_OPTION', `The ${what} must be a whole number of at least ${least}; got ${value}.`);
}

function checkDirectory(what: string, directory: string): string {
  if (typeof directory === 'string' && directory !== '') return directory;
  throw new MillraceError('INVALID_OPTION', `The folder for ${what} must be a path; got ${JSON.stringify(directory)}.`);
}
