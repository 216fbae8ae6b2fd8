/**
 * Async I/O: calls a function whose results come later for many records at a time, and emits the results in order or as
 * they come.
 *
 * Threading: a call may complete anywhere and at any time, in the middle of another record too. A completion is therefore
 * only noted, and the notes are worked off by one mail on the task's thread. Everything else here runs on that thread.
 *
 * Invariants: at most `capacity` records have been handed to the function and not been emitted (those that wait for an
 * earlier one included, as in Flink). While as many are queued the operator is not available; what a task had in hand
 * already (one batch) waits its turn in the queue. All that is queued is in every snapshot, and is called again after a
 * restore: calls happen at least once, results come out exactly once.
 */
import { MillraceError, type TimerHandle } from '../../common/index.ts';
import { type ListState, ListStateDescriptor } from '../../state/index.ts';
import type { OperatorContext, StreamOperator } from '../operator.ts';
import { attributeFailure } from '../operator-failure.ts';
import {
  type AsyncElementQueue,
  type AsyncEntry,
  OrderedQueue,
  type QueuedEvent,
  UnorderedQueue,
} from './async-element-queue.ts';
import { type AsyncFunction, type ResultFuture, type RichAsyncFunction, richAsyncFunction } from './async-function.ts';
import { type AsyncRetryPredicate, type AsyncRetryStrategy, NO_RETRY_STRATEGY } from './async-retry-strategies.ts';
import { FifoQueue } from './fifo-queue.ts';

export type AsyncOutputMode = 'ORDERED' | 'UNORDERED';

export interface AsyncWaitOptions<OUT> {
  readonly outputMode: AsyncOutputMode;
  /** From the first call to the result; 0 for no limit. */
  readonly timeoutMs: number;
  readonly capacity: number;
  readonly retryStrategy?: AsyncRetryStrategy<OUT>;
}

/** What a call came to. */
type Outcome<OUT> = { readonly results: Iterable<OUT> } | { readonly error: unknown };

/** A queue element in a snapshot. Events hold for the subtask only that had them in its stream. */
type StoredElement<IN> =
  | { readonly value: IN; readonly timestamp: number }
  | { readonly event: QueuedEvent; readonly subtask: string };

export class AsyncWaitOperator<IN, OUT> implements StreamOperator<IN, OUT> {
  readonly userFunction: RichAsyncFunction<IN, OUT>;
  private readonly options: AsyncWaitOptions<OUT>;
  private readonly retryStrategy: AsyncRetryStrategy<OUT>;
  private readonly retryPredicate: AsyncRetryPredicate<OUT>;
  private readonly queue: AsyncElementQueue<IN, OUT>;
  /** Records of the queue that wait to be called, because `capacity` others are under way. */
  private readonly backlog = new FifoQueue<AsyncEntry<IN, OUT>>();
  private notes: { readonly entry: AsyncEntry<IN, OUT>; readonly outcome: Outcome<OUT> }[] = [];
  private context!: OperatorContext<OUT>;
  private state!: ListState<StoredElement<IN>>;
  private room: PromiseWithResolvers<void> | undefined;
  private emptied: PromiseWithResolvers<void> | undefined;
  private closed = false;

  constructor(fn: AsyncFunction<IN, OUT>, options: AsyncWaitOptions<OUT>) {
    this.userFunction = richAsyncFunction(fn);
    this.options = options;
    this.retryStrategy = options.retryStrategy ?? NO_RETRY_STRATEGY;
    this.retryPredicate = this.retryStrategy.getRetryPredicate();
    this.queue = options.outputMode === 'ORDERED' ? new OrderedQueue() : new UnorderedQueue();
  }

  async open(context: OperatorContext<OUT>): Promise<void> {
    this.context = context;
    context.metrics.gauge('asyncWaitQueueLength', () => this.queue.records);
    this.state = context.operatorState.getListState(new ListStateDescriptor<StoredElement<IN>>('_async_wait_operator_state_'));
    await this.userFunction.open?.(context.runtimeContext);
    const restored = [...this.state.get()];
    this.state.clear();
    for (const element of restored) {
      if (!('event' in element)) this.processElement(element.value, element.timestamp);
      else if (element.subtask === this.subtask && !this.queue.isEmpty) this.queue.addEvent(element.event);
    }
  }

  processElement(value: IN, timestamp: number): void {
    const entry: AsyncEntry<IN, OUT> = {
      value,
      timestamp,
      attempts: 0,
      timedOut: false,
      settled: false,
      results: undefined,
      cancelTimers: undefined,
    };
    this.queue.addRecord(entry);
    if (this.queue.records - this.backlog.length <= this.options.capacity) this.start(entry);
    else this.backlog.push(entry);
  }

  processWatermark(timestamp: number): void {
    if (this.queue.isEmpty) this.context.output.emitWatermark(timestamp);
    else this.queue.addEvent({ watermark: timestamp });
  }

  processIdle(idle: boolean): void {
    if (this.queue.isEmpty) this.context.output.emitIdle(idle);
    else this.queue.addEvent({ idle });
  }

  isAvailable(): Promise<void> | undefined {
    if (this.queue.records < this.options.capacity) return undefined;
    this.room ??= Promise.withResolvers();
    return this.room.promise;
  }

  finish(): Promise<void> | undefined {
    if (this.queue.isEmpty) return undefined;
    this.emptied ??= Promise.withResolvers();
    return this.emptied.promise;
  }

  prepareSnapshot(): void {
    const elements: StoredElement<IN>[] = [];
    for (const element of this.queue.elements()) {
      if ('results' in element) elements.push({ value: element.value, timestamp: element.timestamp });
      else elements.push({ event: element, subtask: this.subtask });
    }
    this.state.update(elements);
  }

  close(): void | Promise<void> {
    this.closed = true;
    return this.userFunction.close?.();
  }

  private get subtask(): string {
    return `${this.context.subtaskIndex}/${this.context.parallelism}`;
  }

  private start(entry: AsyncEntry<IN, OUT>): void {
    const { timeoutMs } = this.options;
    if (timeoutMs > 0 && timeoutMs !== Number.POSITIVE_INFINITY) {
      const timer = this.context.processingTime.schedule(timeoutMs, () => this.timeOut(entry));
      entry.cancelTimers = () => timer.cancel();
    }
    this.call(entry);
  }

  private call(entry: AsyncEntry<IN, OUT>): void {
    entry.attempts++;
    const future = this.futureOf(entry);
    try {
      this.userFunction
        .asyncInvoke(entry.value, future)
        ?.then(undefined, (error: unknown) => future.completeExceptionally(error));
    } catch (error) {
      future.completeExceptionally(error);
    }
  }

  /** What one call completes: its first word counts. */
  private futureOf(entry: AsyncEntry<IN, OUT>): ResultFuture<OUT> {
    let done = false;
    const note = (outcome: Outcome<OUT>): void => {
      if (done || this.closed) return;
      done = true;
      this.notes.push({ entry, outcome });
      if (this.notes.length === 1) this.context.mailbox.execute(() => this.workOffNotes());
    };
    return {
      complete: (results) => note({ results }),
      completeExceptionally: (error) => note({ error }),
    };
  }

  private workOffNotes(): void {
    const { notes } = this;
    this.notes = [];
    for (const { entry, outcome } of notes) {
      if (entry.settled) continue;
      try {
        this.settle(entry, 'error' in outcome ? outcome : { results: [...outcome.results] });
      } catch (error) {
        throw this.failure(entry, error);
      }
    }
    this.release();
  }

  private settle(entry: AsyncEntry<IN, OUT>, outcome: Outcome<OUT>): void {
    if (!entry.timedOut && this.retryStrategy.canRetry(entry.attempts) && this.callsForRetry(outcome)) {
      this.retryLater(entry);
      return;
    }
    entry.settled = true;
    entry.cancelTimers?.();
    if ('error' in outcome) throw outcome.error;
    entry.results = outcome.results;
    this.queue.completed(entry);
  }

  private callsForRetry(outcome: Outcome<OUT>): boolean {
    const { resultPredicate, exceptionPredicate } = this.retryPredicate;
    if ('error' in outcome) return exceptionPredicate?.(outcome.error) ?? false;
    return resultPredicate?.(outcome.results as readonly OUT[]) ?? false;
  }

  private retryLater(entry: AsyncEntry<IN, OUT>): void {
    const delayMs = this.retryStrategy.getBackoffTimeMs(entry.attempts);
    const cancelTimeout = entry.cancelTimers;
    const retry: TimerHandle = this.context.processingTime.schedule(delayMs, () => {
      entry.cancelTimers = cancelTimeout;
      this.call(entry);
    });
    entry.cancelTimers = () => {
      cancelTimeout?.();
      retry.cancel();
    };
  }

  /** A result of the call under way still counts, if it comes before that of `timeout`. */
  private timeOut(entry: AsyncEntry<IN, OUT>): void {
    if (entry.settled) return;
    entry.timedOut = true;
    entry.cancelTimers?.();
    if (this.userFunction.timeout) {
      try {
        this.userFunction.timeout(entry.value, this.futureOf(entry));
      } catch (error) {
        throw this.failure(entry, error);
      }
      return;
    }
    const { timeoutMs } = this.options;
    const message = `The asynchronous call had no result after ${timeoutMs} ms. Raise the timeout, or give the function a timeout(input, resultFuture) method that says what to do instead.`;
    throw this.failure(entry, new MillraceError('ASYNC_TIMEOUT', message, { context: { timeoutMs, attempts: entry.attempts } }));
  }

  private failure(entry: AsyncEntry<IN, OUT>, error: unknown): MillraceError {
    const { operatorName, operatorId } = this.context;
    return attributeFailure(error, { operatorName, operatorId, record: { value: entry.value } });
  }

  private release(): void {
    const { queue, backlog } = this;
    queue.release(this.context.output);
    while (backlog.length > 0 && queue.records - backlog.length < this.options.capacity) {
      this.start(backlog.shift() as AsyncEntry<IN, OUT>);
    }
    if (this.room && queue.records < this.options.capacity) {
      this.room.resolve();
      this.room = undefined;
    }
    if (this.emptied && queue.isEmpty) this.emptied.resolve();
  }
}
