/**
 * What an async operator has taken in and not let go of yet, in order: records under way, and the events between them.
 *
 * Promises: events (watermarks, idleness) come out in their place, behind every record that came in before them and before
 * every record that came in after. Ordered: records come out in the order in which they came in. Unordered: between two
 * events, in the order of completion.
 */
import type { Output } from '../operator.ts';
import { FifoQueue } from './fifo-queue.ts';

/** A record on its way through the user's asynchronous function. */
export interface AsyncEntry<IN, OUT> {
  readonly value: IN;
  readonly timestamp: number;
  /** How often the function has been called for it. */
  attempts: number;
  /** Its time is over: there will be no further attempt. */
  timedOut: boolean;
  /** Nothing that its calls say counts any more. */
  settled: boolean;
  results: Iterable<OUT> | undefined;
  cancelTimers: (() => void) | undefined;
}

export type QueuedEvent = { readonly watermark: number } | { readonly idle: boolean };

export interface AsyncElementQueue<IN, OUT> {
  /** How many records there are; events do not count. */
  readonly records: number;
  readonly isEmpty: boolean;
  addRecord(entry: AsyncEntry<IN, OUT>): void;
  addEvent(event: QueuedEvent): void;
  /** The entry has its results now. */
  completed(entry: AsyncEntry<IN, OUT>): void;
  /** Emits what may come out. */
  release(output: Output<OUT>): void;
  /** All that is in the queue, in an order that can be queued again. */
  elements(): Iterable<AsyncEntry<IN, OUT> | QueuedEvent>;
}

export class OrderedQueue<IN, OUT> implements AsyncElementQueue<IN, OUT> {
  records = 0;
  private readonly queue = new FifoQueue<AsyncEntry<IN, OUT> | QueuedEvent>();

  get isEmpty(): boolean {
    return this.queue.length === 0;
  }

  addRecord(entry: AsyncEntry<IN, OUT>): void {
    this.records++;
    this.queue.push(entry);
  }

  addEvent(event: QueuedEvent): void {
    const last = this.queue.last;
    if (last !== undefined && replaces(event, last)) this.queue.pop();
    this.queue.push(event);
  }

  completed(): void {
    // The entry itself says so, and the queue looks at its head only.
  }

  release(output: Output<OUT>): void {
    for (let head = this.queue.first; head !== undefined; head = this.queue.first) {
      if ('results' in head) {
        if (head.results === undefined) return;
        this.records--;
        this.queue.shift();
        emitResults(head, output);
      } else {
        this.queue.shift();
        emitEvent(head, output);
      }
    }
  }

  elements(): Iterable<AsyncEntry<IN, OUT> | QueuedEvent> {
    return this.queue;
  }
}

/** The records between two events. */
interface Segment<IN, OUT> {
  /** Not emitted yet, in the order of arrival. */
  readonly entries: Set<AsyncEntry<IN, OUT>>;
  /** Those of them that are complete, in the order of completion. */
  done: AsyncEntry<IN, OUT>[];
}

export class UnorderedQueue<IN, OUT> implements AsyncElementQueue<IN, OUT> {
  records = 0;
  private readonly queue = new FifoQueue<Segment<IN, OUT> | QueuedEvent>();

  get isEmpty(): boolean {
    return this.queue.length === 0;
  }

  addRecord(entry: AsyncEntry<IN, OUT>): void {
    this.records++;
    const last = this.queue.last;
    if (last !== undefined && 'entries' in last) last.entries.add(entry);
    else this.queue.push({ entries: new Set([entry]), done: [] });
  }

  addEvent(event: QueuedEvent): void {
    const last = this.queue.last;
    if (last !== undefined && replaces(event, last)) this.queue.pop();
    this.queue.push(event);
  }

  completed(entry: AsyncEntry<IN, OUT>): void {
    for (const element of this.queue) {
      if (!('entries' in element) || !element.entries.has(entry)) continue;
      element.done.push(entry);
      return;
    }
  }

  release(output: Output<OUT>): void {
    for (let head = this.queue.first; head !== undefined; head = this.queue.first) {
      if ('entries' in head) {
        const { done, entries } = head;
        head.done = [];
        for (const entry of done) {
          this.records--;
          entries.delete(entry);
          emitResults(entry, output);
        }
        if (entries.size > 0) return;
        this.queue.shift();
      } else {
        this.queue.shift();
        emitEvent(head, output);
      }
    }
  }

  *elements(): Iterable<AsyncEntry<IN, OUT> | QueuedEvent> {
    for (const element of this.queue) {
      if ('entries' in element) yield* element.entries;
      else yield element;
    }
  }
}

/** Of two watermarks in a row only the later says anything, so a queue holds no more events than about its records. */
function replaces(event: QueuedEvent, last: object): boolean {
  return ('watermark' in event && 'watermark' in last) || ('idle' in event && 'idle' in last);
}

function emitResults<OUT>(entry: AsyncEntry<unknown, OUT>, output: Output<OUT>): void {
  for (const result of entry.results as Iterable<OUT>) output.collect(result, entry.timestamp);
}

function emitEvent(event: QueuedEvent, output: Output<unknown>): void {
  if ('watermark' in event) output.emitWatermark(event.watermark);
  else output.emitIdle(event.idle);
}
