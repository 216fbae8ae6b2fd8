/**
 * One record of a topic, as a function of the program sees it: a view that is moved from record to record.
 *
 * Nothing of it is read before it is asked for. The view itself is only valid during the call; what its methods return is the
 * program's to keep.
 */
import { type KafkaHeader, type RecordBounds, readHeaders } from '../batches/index.ts';

type Utf8Slice = (this: Uint8Array, start: number, end: number) => string;
const utf8Slice = (Buffer.prototype as unknown as { utf8Slice: Utf8Slice }).utf8Slice;

export class KafkaRecord {
  topic = '';
  partition = 0;
  #bounds!: RecordBounds;
  #index = 0;

  /** For the reader: the records in `bounds` are of this partition. */
  open(topic: string, partition: number, bounds: RecordBounds): void {
    this.topic = topic;
    this.partition = partition;
    this.#bounds = bounds;
  }

  /** For the reader: moves the view to a record of the bounds. */
  moveTo(index: number): void {
    this.#index = index;
  }

  get offset(): number {
    return this.#bounds.offsets[this.#index] as number;
  }

  /** Milliseconds since the epoch, set by the producer or, if the topic says so, by the broker; -1 if the record has none. */
  get timestamp(): number {
    return this.#bounds.timestamps[this.#index] as number;
  }

  /** Whether the value is null: a deletion, in compacted topics. */
  get isTombstone(): boolean {
    return (this.#bounds.valueStarts[this.#index] as number) < 0;
  }

  /** A copy of the key. */
  key(): Uint8Array | null {
    const { data, keyStarts, keyEnds } = this.#bounds;
    const start = keyStarts[this.#index] as number;
    return start < 0 ? null : data.slice(start, keyEnds[this.#index]);
  }

  /** The key as UTF-8. */
  keyText(): string | null {
    const { data, keyStarts, keyEnds } = this.#bounds;
    const start = keyStarts[this.#index] as number;
    return start < 0 ? null : utf8Slice.call(data, start, keyEnds[this.#index] as number);
  }

  /** A copy of the value. */
  value(): Uint8Array | null {
    const { data, valueStarts, valueEnds } = this.#bounds;
    const start = valueStarts[this.#index] as number;
    return start < 0 ? null : data.slice(start, valueEnds[this.#index]);
  }

  /** The value as UTF-8. */
  valueText(): string | null {
    const { data, valueStarts, valueEnds } = this.#bounds;
    const start = valueStarts[this.#index] as number;
    return start < 0 ? null : utf8Slice.call(data, start, valueEnds[this.#index] as number);
  }

  /** Copies of all headers, in order; names can come more than once. */
  headers(): readonly KafkaHeader[] {
    return this.#headers().map(({ key, value }) => ({ key, value: value?.slice() ?? null }));
  }

  /** The value of the last header of this name, as UTF-8; `null` if there is none or its value is null. */
  headerText(name: string): string | null {
    const value = this.#headers().findLast(({ key }) => key === name)?.value ?? null;
    return value === null ? null : utf8Slice.call(value, 0, value.length);
  }

  #headers(): readonly KafkaHeader[] {
    return readHeaders(this.#bounds.data, this.#bounds.headerStarts[this.#index] as number);
  }
}
