/**
 * Looks up a key of each record in Redis, for `AsyncDataStream`: GET, or HGET for a field of a hash.
 *
 * What is asked for in one turn of the event loop is one request: keys by MGET, fields by pipelined HGETs. A key that is asked for while it is on
 * its way is asked for once. With a cache, what was found answers at once, and may be as old as the cache says.
 */
import { type Clock, MillraceError, silentLogger, systemClock, systemRandom } from '../../common/index.ts';
import { LookupCache, type LookupCacheOptions } from './lookup-cache.ts';
import type { RedisCommand } from './redis-command.ts';
import { RedisConnection } from './redis-connection.ts';
import { checkConnectionOptions, type RedisConnectionOptions } from './redis-options.ts';

export interface RedisLookupOptions<T, R, V = string> {
  readonly connection?: RedisConnectionOptions;
  /** The key of a record. */
  readonly key: (value: T) => string;
  /** The field of the hash that `key` names; without it, `key` names a string. */
  readonly field?: (value: T) => string;
  /** What Redis' text stands for, such as `JSON.parse`; the cache keeps its result. Default: the text itself. */
  readonly parse?: (text: string) => V;
  /** What comes of a record and of what was found for it (undefined if nothing was): a result, an array of results, or none. */
  readonly result: (value: T, found: V | undefined) => readonly R[] | R | undefined;
  /** Keeps what was found. Default: nothing is kept. */
  readonly cache?: LookupCacheOptions;
  /** How many keys are asked for in one go, at most. Default: 1000. */
  readonly maxBatchSize?: number;
  /** For tests of a cache's expiry. Default: the system's. */
  readonly clock?: Clock;
}

/** What a lookup needs of the `RuntimeContext`. */
export interface LookupContext {
  readonly metricGroup: LookupMetricGroup;
}

interface LookupMetricGroup {
  addGroup(name: string): LookupMetricGroup;
  counter(name: string): Counter;
  gauge(name: string, read: () => number): unknown;
}

interface Counter {
  inc(n?: number): void;
}

interface LookupFuture<R> {
  complete(results: Iterable<R>): void;
  completeExceptionally(error: unknown): void;
}

/** A key that is asked for, and who waits for it. */
interface Question<T, R> {
  readonly id: string;
  readonly key: string;
  readonly field: string | undefined;
  readonly waiting: { readonly value: T; readonly future: LookupFuture<R> }[];
}

/** A `RichAsyncFunction`: `AsyncDataStream.unorderedWait(stream, new RedisLookup({ … }), 10_000)`. */
export class RedisLookup<T, R, V = string> {
  readonly #options: RedisLookupOptions<T, R, V>;
  readonly #maxBatchSize: number;
  #connection: RedisConnection | undefined;
  #cache: LookupCache<V> | undefined;
  #counters: Readonly<Record<'hits' | 'misses' | 'loads' | 'failures', Counter>> | undefined;
  /** By id: on their way, or about to be. */
  #questions = new Map<string, Question<T, R>>();
  #unsent: Question<T, R>[] = [];

  /** @throws MillraceError `INVALID_OPTION` */
  constructor(options: RedisLookupOptions<T, R, V>) {
    checkConnectionOptions(options.connection ?? {});
    const { key, result, cache, maxBatchSize = 1000 } = options;
    const check = (holds: boolean, problem: string): void => {
      if (!holds) throw new MillraceError('INVALID_OPTION', `RedisLookup: ${problem}.`);
    };
    check(typeof key === 'function' && typeof result === 'function', 'key and result must be functions');
    check(
      Number.isInteger(maxBatchSize) && maxBatchSize > 0,
      `maxBatchSize must be a whole number from 1; it is ${maxBatchSize}`,
    );
    check(!cache || cache.maxRows > 0, `cache.maxRows must be positive; it is ${cache?.maxRows}`);
    check(!cache || (cache.expireAfterWriteMs ?? 1) > 0, 'cache.expireAfterWriteMs must be positive');
    this.#options = options;
    this.#maxBatchSize = maxBatchSize;
  }

  async open(context: LookupContext): Promise<void> {
    const { connection = {}, cache, clock = systemClock } = this.#options;
    this.#questions = new Map();
    this.#unsent = [];
    this.#cache = cache && new LookupCache(cache, clock);
    const group = context.metricGroup.addGroup('cache');
    this.#counters = {
      hits: group.counter('hitCount'),
      misses: group.counter('missCount'),
      loads: group.counter('loadCount'),
      failures: group.counter('numLoadFailures'),
    };
    group.gauge('numCachedRecords', () => this.#cache?.size ?? 0);
    this.#connection = new RedisConnection(connection, { clock, random: systemRandom, logger: silentLogger }, 'SOURCE_FAILED');
    await this.#connection.open();
  }

  asyncInvoke(value: T, future: LookupFuture<R>): void {
    const key = this.#options.key(value);
    const field = this.#options.field?.(value);
    // The length makes sure that no two pairs of key and field have the same id.
    const id = field === undefined ? key : `${key.length}:${key}${field}`;
    const known = this.#cache?.get(id);
    if (known !== undefined) {
      this.#counters?.hits.inc();
      this.#complete(value, future, known.value);
      return;
    }
    this.#counters?.misses.inc();
    const asked = this.#questions.get(id);
    if (asked !== undefined) {
      asked.waiting.push({ value, future });
      return;
    }
    const question = { id, key, field, waiting: [{ value, future }] };
    this.#questions.set(id, question);
    this.#unsent.push(question);
    if (this.#unsent.length === 1) queueMicrotask(() => this.#ask());
    else if (this.#unsent.length === this.#maxBatchSize) this.#ask();
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  #ask(): void {
    const questions = this.#unsent;
    const connection = this.#connection;
    if (questions.length === 0 || connection === undefined) return;
    this.#unsent = [];
    this.#counters?.loads.inc(questions.length);
    const byField = this.#options.field !== undefined;
    const commands: RedisCommand[] = byField
      ? questions.map(({ key, field }) => ['HGET', key, field as string])
      : [['MGET', ...questions.map(({ key }) => key)]];
    connection.run(commands).then(
      (replies) => {
        const texts = (byField ? replies : replies[0]) as (string | null)[];
        for (const [index, question] of questions.entries()) this.#answer(question, texts[index] ?? undefined);
      },
      (error: unknown) => {
        this.#counters?.failures.inc(questions.length);
        for (const question of questions) this.#fail(question, error);
      },
    );
  }

  #answer(question: Question<T, R>, text: string | undefined): void {
    const { parse } = this.#options;
    let found: V | undefined;
    try {
      found = text === undefined || parse === undefined ? (text as V | undefined) : parse(text);
    } catch (error) {
      this.#fail(question, error);
      return;
    }
    this.#cache?.put(question.id, found);
    this.#questions.delete(question.id);
    for (const { value, future } of question.waiting) this.#complete(value, future, found);
  }

  #fail(question: Question<T, R>, error: unknown): void {
    this.#questions.delete(question.id);
    for (const { future } of question.waiting) future.completeExceptionally(error);
  }

  #complete(value: T, future: LookupFuture<R>, found: V | undefined): void {
    try {
      const result = this.#options.result(value, found);
      future.complete(Array.isArray(result) ? result : result === undefined ? [] : [result as R]);
    } catch (error) {
      future.completeExceptionally(error);
    }
  }
}
