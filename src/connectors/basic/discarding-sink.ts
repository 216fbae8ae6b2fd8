/** Takes everything and keeps nothing: for measuring what comes before it. */
import type { Sink, SinkWriter } from '../../connector/index.ts';

export class DiscardingSink<T> implements Sink<T> {
  readonly name = 'Discarding Sink';

  createWriter(): SinkWriter<T> {
    return { write() {}, flush() {}, close() {} };
  }
}
