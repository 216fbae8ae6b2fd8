/**
 * Turns fetched records into what the program reads: straight from the bounds of a batch into the engine's `RecordBatch`.
 *
 * Values are decoded many at once by the format. Without a function of the program, records without a value (tombstones) are passed
 * over: there is nothing that the format could decode. With one, every record is shown to the function. What comes out of one
 * record keeps its timestamp; a malformed record takes its place in the order as a report, not as a value.
 */
import { MillraceError, toError } from '../../../common/index.ts';
import {
  type MessageBlock,
  type MessageDecoder,
  type MessageDecodingFormat,
  NO_TIMESTAMP,
  OutputTag,
  type RecordBatch,
} from '../../../connector/index.ts';
import type { RecordBounds } from '../batches/index.ts';
import type { KafkaPartition } from './kafka-partition.ts';
import { KafkaRecord } from './kafka-record.ts';
import { splitIdOf } from './kafka-source-split.ts';
import { type KafkaMalformedPolicy, type MalformedKafkaRecord, malformedKafkaRecordError } from './malformed-kafka-record.ts';

/**
 * What the program reads from a record; `undefined`: nothing.
 * @param value what the format made of the record's value; `undefined` for a tombstone, and if there is no format
 */
export type KafkaRecordFunction<T> = (record: KafkaRecord, value: any) => T | undefined;

export interface RecordDeserializerOptions<T> {
  readonly format: MessageDecodingFormat<unknown> | undefined;
  readonly read: KafkaRecordFunction<T> | undefined;
  readonly onMalformed: KafkaMalformedPolicy;
  readonly countError: () => void;
}

export class RecordDeserializer<T> {
  readonly #read: KafkaRecordFunction<T> | undefined;
  readonly #policy: KafkaMalformedPolicy;
  readonly #countError: () => void;
  readonly #decoder: MessageDecoder<unknown> | undefined;
  readonly #record = new KafkaRecord();
  readonly #block: { bytes: Uint8Array; starts: Int32Array; ends: Int32Array };
  readonly #bounds: RecordBounds;
  /** The ranges of values without tombstones, and their indexes in the bounds; used where there are tombstones only. */
  readonly #presentStarts: Int32Array;
  readonly #presentEnds: Int32Array;
  readonly #present: Int32Array;
  /** Indexes in the bounds of the records reported in the present call, ascending. */
  #malformed: number[] = [];
  #values: unknown[] = [];
  #partition!: KafkaPartition;
  #batch!: RecordBatch<T>;
  #isCompacted = false;

  /** @param bounds in which all records come */
  constructor(options: RecordDeserializerOptions<T>, bounds: RecordBounds) {
    this.#read = options.read;
    this.#policy = options.onMalformed;
    this.#countError = options.countError;
    this.#bounds = bounds;
    this.#block = { bytes: bounds.data, starts: bounds.valueStarts, ends: bounds.valueEnds };
    this.#presentStarts = new Int32Array(bounds.capacity);
    this.#presentEnds = new Int32Array(bounds.capacity);
    this.#present = new Int32Array(bounds.capacity);
    this.#decoder = options.format?.createMessageDecoder({
      onMalformed: (index, column, message) =>
        this.#report(this.#isCompacted ? (this.#present[index] as number) : index, column, message),
    });
  }

  /**
   * Appends what records `from` to `to` of the bounds become to `batch`.
   * @returns the index behind the last record dealt with; less than `to` if the format waits: see {@link ready}
   */
  read(partition: KafkaPartition, from: number, to: number, batch: RecordBatch<T>): number {
    this.#partition = partition;
    this.#batch = batch;
    if (this.#malformed.length > 0) this.#malformed = [];
    if (batch.timestamps.length < batch.length + to - from) batch.growTimestamps(batch.length + to - from);
    batch.hasTimestamps = true;
    if (this.#read === undefined) return this.#readValues(from, to, batch);
    this.#record.open(partition.topic, partition.partition, this.#bounds);
    return this.#readRecords(this.#read, from, to, batch);
  }

  /** Resolves when `read` can go on. */
  async ready(): Promise<void> {
    await this.#decoder?.ready?.();
  }

  #readValues(from: number, to: number, batch: RecordBatch<T>): number {
    const before = batch.length;
    const values = batch.values as unknown[];
    // The decoder appends.
    values.length = before;
    const behind = this.#decode(from, to, values);
    batch.length = values.length;
    const { timestamps } = this.#bounds;
    const malformed = this.#malformed;
    if (!this.#isCompacted && malformed.length === 0) {
      for (let i = from, k = before; i < behind; i++, k++) batch.timestamps[k] = timestampOf(timestamps[i] as number);
      return behind;
    }
    let k = before;
    let next = 0;
    for (let i = from; i < behind; i++) {
      if (malformed[next] === i) next++;
      else if ((this.#bounds.valueStarts[i] as number) >= 0) batch.timestamps[k++] = timestampOf(timestamps[i] as number);
    }
    return behind;
  }

  #readRecords(read: KafkaRecordFunction<T>, from: number, to: number, batch: RecordBatch<T>): number {
    const { valueStarts, timestamps } = this.#bounds;
    const values = this.#values;
    values.length = 0;
    const behind = this.#decoder === undefined ? to : this.#decode(from, to, values);
    const malformed = this.#malformed;
    if (malformed.length > 0) this.#malformed = [];
    const record = this.#record;
    const results = batch.values;
    const resultTimestamps = batch.timestamps;
    const isDecoded = this.#decoder !== undefined;
    let length = batch.length;
    let nextValue = 0;
    let nextMalformed = 0;
    for (let i = from; i < behind; i++) {
      if (malformed[nextMalformed] === i) {
        nextMalformed++;
        continue;
      }
      const value = isDecoded && (valueStarts[i] as number) >= 0 ? values[nextValue++] : undefined;
      record.moveTo(i);
      let result: T | undefined;
      try {
        result = read(record, value);
      } catch (error) {
        this.#functionFailed(i, error);
      }
      if (result === undefined) continue;
      results[length] = result;
      resultTimestamps[length++] = timestampOf(timestamps[i] as number);
    }
    batch.length = length;
    return behind;
  }

  /** Decodes the values of records `from` to `to`, tombstones left out; returns the index behind the last one dealt with. */
  #decode(from: number, to: number, out: unknown[]): number {
    const { valueStarts, valueEnds, data } = this.#bounds;
    const decoder = this.#decoder as MessageDecoder<unknown>;
    this.#isCompacted = false;
    for (let i = from; i < to; i++) {
      if ((valueStarts[i] as number) < 0) {
        this.#isCompacted = true;
        break;
      }
    }
    if (!this.#isCompacted) {
      this.#block.bytes = data;
      return decoder.decode(this.#block, from, to, out);
    }
    let count = 0;
    for (let i = from; i < to; i++) {
      if ((valueStarts[i] as number) < 0) continue;
      this.#presentStarts[count] = valueStarts[i] as number;
      this.#presentEnds[count] = valueEnds[i] as number;
      this.#present[count++] = i;
    }
    const block: MessageBlock = { bytes: data, starts: this.#presentStarts, ends: this.#presentEnds };
    const behind = decoder.decode(block, 0, count, out);
    return behind === count ? to : (this.#present[behind] as number);
  }

  #report(index: number, column: number, message: string): void {
    this.#malformed.push(index);
    this.#handle(this.#describe(index, column, message));
  }

  #functionFailed(index: number, thrown: unknown): void {
    const { topic, partition } = this.#partition;
    const { offsets } = this.#bounds;
    const reason = toError(thrown).message;
    if (this.#policy === 'fail') {
      throw new MillraceError(
        'USER_FUNCTION_FAILED',
        `The function that reads the records of a Kafka source failed at offset ${offsets[index]} of ${splitIdOf(topic, partition)}: ${reason}`,
        { cause: thrown, context: { topic, partition, offset: offsets[index] } },
      );
    }
    this.#handle(this.#describe(index, 1, reason));
  }

  #handle(record: MalformedKafkaRecord): void {
    if (this.#policy === 'fail') throw malformedKafkaRecordError(record);
    this.#countError();
    if (this.#policy instanceof OutputTag) this.#batch.addSideOutput(this.#policy, record);
  }

  #describe(index: number, column: number, message: string): MalformedKafkaRecord {
    const { data, offsets, timestamps, keyStarts, keyEnds, valueStarts, valueEnds } = this.#bounds;
    const { topic, partition } = this.#partition;
    const keyStart = keyStarts[index] as number;
    const valueStart = valueStarts[index] as number;
    return {
      topic,
      partition,
      offset: offsets[index] as number,
      timestamp: timestamps[index] as number,
      column,
      message,
      key: keyStart < 0 ? null : data.slice(keyStart, keyEnds[index]),
      bytes: valueStart < 0 ? null : data.slice(valueStart, valueEnds[index]),
    };
  }
}

/** Kafka's -1 stands for no timestamp. */
const timestampOf = (timestamp: number): number => (timestamp < 0 ? NO_TIMESTAMP : timestamp);
