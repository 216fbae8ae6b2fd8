/**
 * Time to live of state, as Flink's StateTtlConfig: when an entry expires, whether expired entries can still be seen, and
 * how they are cleaned up: when accessed, a few keys after each access, and all of them in snapshots. Time is processing time. Elements of lists and entries of maps expire one by one.
 */
import { MillraceError } from '../common/index.ts';

/** When the time of an entry starts anew: `OnCreateAndWrite`, or also whenever it is read. */
export type TtlUpdateType = 'OnCreateAndWrite' | 'OnReadAndWrite';
/** Whether an expired entry that is still there is returned (once: the access removes it). */
export type TtlStateVisibility = 'NeverReturnExpired' | 'ReturnExpiredIfNotCleanedUp';

export interface StateTtlOptions {
  readonly ttlMs: number;
  readonly updateType: TtlUpdateType;
  readonly stateVisibility: TtlStateVisibility;
  /** Keys examined after each access to the state; 0: none. */
  readonly incrementalCleanupSize: number;
}

export class StateTtlConfig implements StateTtlOptions {
  readonly ttlMs: number;
  readonly updateType: TtlUpdateType;
  readonly stateVisibility: TtlStateVisibility;
  readonly incrementalCleanupSize: number;

  /** Use {@link StateTtlConfig.newBuilder}. */
  constructor(options: StateTtlOptions) {
    this.ttlMs = options.ttlMs;
    this.updateType = options.updateType;
    this.stateVisibility = options.stateVisibility;
    this.incrementalCleanupSize = options.incrementalCleanupSize;
  }

  /**
   * @param ttlMs how long an entry lives, in milliseconds
   * @throws MillraceError `INVALID_OPTION` unless `ttlMs` is above 0
   */
  static newBuilder(ttlMs: number): StateTtlConfigBuilder {
    if (!(ttlMs > 0)) {
      throw new MillraceError(
        'INVALID_OPTION',
        `The time to live of state must be above 0 ms, but is ${ttlMs}. Leave TTL out for state that never expires.`,
      );
    }
    return new StateTtlConfigBuilder(ttlMs);
  }
}

/** Collects the options of a {@link StateTtlConfig}; each method returns the builder. */
export class StateTtlConfigBuilder {
  private readonly ttlMs: number;
  private updateType: TtlUpdateType = 'OnCreateAndWrite';
  private stateVisibility: TtlStateVisibility = 'NeverReturnExpired';
  private incrementalCleanupSize = 5;

  constructor(ttlMs: number) {
    this.ttlMs = ttlMs;
  }

  /** The default is `OnCreateAndWrite`. */
  setUpdateType(updateType: TtlUpdateType): this {
    this.updateType = updateType;
    return this;
  }

  updateTtlOnCreateAndWrite(): this {
    return this.setUpdateType('OnCreateAndWrite');
  }

  updateTtlOnReadAndWrite(): this {
    return this.setUpdateType('OnReadAndWrite');
  }

  /** The default is `NeverReturnExpired`. */
  setStateVisibility(stateVisibility: TtlStateVisibility): this {
    this.stateVisibility = stateVisibility;
    return this;
  }

  returnExpiredIfNotCleanedUp(): this {
    return this.setStateVisibility('ReturnExpiredIfNotCleanedUp');
  }

  neverReturnExpired(): this {
    return this.setStateVisibility('NeverReturnExpired');
  }

  /**
   * Keys examined after each access (5 unless told otherwise).
   * @throws MillraceError `INVALID_OPTION` unless a whole number, at least 1
   */
  cleanupIncrementally(cleanupSize: number): this {
    if (!Number.isInteger(cleanupSize) || cleanupSize < 1) {
      throw new MillraceError(
        'INVALID_OPTION',
        `cleanupIncrementally needs a whole number of keys, at least 1, but got ${cleanupSize}.`,
      );
    }
    this.incrementalCleanupSize = cleanupSize;
    return this;
  }

  /** Expired entries go when they are accessed and in snapshots, not in the background. */
  disableCleanupInBackground(): this {
    this.incrementalCleanupSize = 0;
    return this;
  }

  build(): StateTtlConfig {
    return new StateTtlConfig({
      ttlMs: this.ttlMs,
      updateType: this.updateType,
      stateVisibility: this.stateVisibility,
      incrementalCleanupSize: this.incrementalCleanupSize,
    });
  }
}
