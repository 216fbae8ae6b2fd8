/**
 * The bounds of one call: its deadline, its caller's signal and the life of the client. Whatever a call waits for, it waits for
 * through its context, so that it ends when one of the three does.
 */
import { type Clock, MillraceError, type Random } from '../../../common/index.ts';
import { isRetriable, kafkaErrorName } from './kafka-errors.ts';
import type { CallOptions } from './requests.ts';

export interface BackOffOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly firstMs: number;
  readonly longestMs: number;
}

/** The coordinator is about to finish with a transaction: that takes it some milliseconds, so the first pauses are short. */
const BUSY_FIRST_MS = 10;

export class CallContext {
  readonly deadlineMs: number;
  readonly #options: BackOffOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #life: ClientLife;
  readonly #startMs: number;

  constructor(options: BackOffOptions, life: ClientLife, timeoutMs: number, call: CallOptions = {}) {
    this.#options = options;
    this.#life = life;
    this.#signal = call.signal;
    this.#startMs = options.clock.monotonicMs();
    this.deadlineMs = this.#startMs + (call.timeoutMs ?? timeoutMs);
  }

  remainingMs(): number {
    return Math.max(0, this.deadlineMs - this.#options.clock.monotonicMs());
  }

  /** @throws what the signal says, or that the client was closed. */
  check(): void {
    this.#signal?.throwIfAborted();
    this.#life.check();
  }

  /** Settles as `promise` does, or rejects when the call is aborted or the client closed; then `promise` is left to itself. */
  wait<T>(promise: Promise<T>): Promise<T> {
    const signal = this.#signal;
    return new Promise<T>((resolve, reject) => {
      const abort = (): void => {
        end();
        reject(signal?.reason);
      };
      const forget = this.#life.onClose((reason) => {
        end();
        reject(reason);
      });
      const end = (): void => {
        signal?.removeEventListener('abort', abort);
        forget();
      };
      signal?.addEventListener('abort', abort);
      promise.then(
        (value) => {
          end();
          resolve(value);
        },
        (error: unknown) => {
          end();
          reject(error);
        },
      );
      if (signal?.aborted) abort();
      else if (this.#life.closed) {
        end();
        reject(this.#life.closed);
      }
    });
  }

  async sleep(ms: number): Promise<void> {
    this.check();
    let timer: ReturnType<Clock['setTimer']> | undefined;
    try {
      await this.wait(
        new Promise<void>((resolve) => {
          timer = this.#options.clock.setTimer(ms, resolve);
        }),
      );
    } finally {
      timer?.cancel();
    }
  }

  /**
   * Makes `attempt` again while it throws retriable errors, with pauses that double and vary by half.
   * @throws the first error that is not retriable, or, at the deadline, one that says how often it was tried and has the last as its cause.
   */
  async retrying<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    const { random, firstMs, longestMs } = this.#options;
    for (let attempts = 1; ; attempts++) {
      this.check();
      try {
        return await attempt();
      } catch (error) {
        if (!isRetriable(error)) throw error;
        const first = kafkaErrorName(error) === 'CONCURRENT_TRANSACTIONS' ? BUSY_FIRST_MS : firstMs;
        const pauseMs = Math.min(first * 2 ** (attempts - 1), longestMs) * (0.75 + random.next() / 2);
        if (pauseMs >= this.remainingMs()) throw this.#gaveUp(what, attempts, error as MillraceError);
        await this.sleep(pauseMs);
      }
    }
  }

  #gaveUp(what: string, attempts: number, cause: MillraceError): MillraceError {
    const seconds = ((this.#options.clock.monotonicMs() - this.#startMs) / 1000).toFixed(1);
    const times = attempts === 1 ? 'one attempt' : `${attempts} attempts`;
    return new MillraceError(
      'SERVICE_FAILED',
      `Kafka: ${what}: no success after ${times} in ${seconds} s; the last: ${cause.message}`,
      {
        cause,
        context: { ...cause.context, attempts },
        recoverable: cause.recoverable,
      },
    );
  }
}

/** Whether the client is open, and who wants to know when it is not any more. */
export class ClientLife {
  readonly #listeners = new Set<(reason: MillraceError) => void>();
  /** The error that calls end with once the client is closed. */
  closed: MillraceError | undefined;

  check(): void {
    if (this.closed) throw this.closed;
  }

  /** @returns a function that takes the listener off again. */
  onClose(listener: (reason: MillraceError) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    if (this.closed) return;
    this.closed = new MillraceError('ILLEGAL_STATE', 'The Kafka client was closed.');
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener(this.closed);
  }
}
