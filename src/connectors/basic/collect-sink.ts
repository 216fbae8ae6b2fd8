/** Hands what it receives to the program: for tests and small results. */
import type { Sink, SinkWriter } from '../../connector/index.ts';

export class CollectSink<T> implements Sink<T> {
  readonly name = 'Collect Sink';
  /** What was written so far, by all subtasks that run in this process; empty if the sink has a callback. */
  readonly values: T[] = [];
  readonly #onValue: (value: T) => void;

  /** @param onValue called with each value instead of keeping it */
  constructor(onValue?: (value: T) => void) {
    this.#onValue = onValue ?? ((value) => this.values.push(value));
  }

  createWriter(): SinkWriter<T> {
    return { write: this.#onValue, flush() {}, close() {} };
  }
}
