/**
 * From a record to the bytes of its key, value and headers. Bytes are written into buffers that are used again for the next
 * record, so they are valid until then; who keeps them copies them (a batch does).
 */
import { MillraceError } from '../../../common/index.ts';
import { GrowingByteSink } from '../../../connector/index.ts';
import type { KafkaHeader } from '../batches/index.ts';
import type { KafkaBytes, KafkaSinkOptions } from './kafka-sink-options.ts';

const LINE_FEED = 0x0a;
const encoder = new TextEncoder();

export class RecordSerializer<T> {
  /** Key and value of the record serialised last; `null` if it has none. */
  key: Uint8Array | null = null;
  value: Uint8Array | null = null;
  headers: readonly KafkaHeader[] | undefined;
  readonly #options: Pick<KafkaSinkOptions<T>, 'key' | 'headers'>;
  readonly #valueOf: (record: T) => Uint8Array | null;
  readonly #keyBuffer = new GrowingByteSink();

  constructor(options: Pick<KafkaSinkOptions<T>, 'key' | 'value' | 'headers'>) {
    this.#options = options;
    const buffer = new GrowingByteSink(4096);
    const { value } = options;
    if (typeof value === 'function') {
      this.#valueOf = (record) => bytesOf(value(record), buffer, 'value');
    } else {
      const encode = value.createEncoder();
      this.#valueOf = (record) => {
        buffer.clear();
        encode(record, buffer);
        const { length } = buffer;
        return buffer.bytes.subarray(0, buffer.bytes[length - 1] === LINE_FEED && length > 0 ? length - 1 : length);
      };
    }
  }

  serialize(record: T): void {
    const { key, headers } = this.#options;
    this.key = key === undefined ? null : bytesOf(key(record) ?? null, this.#keyBuffer, 'key');
    this.value = this.#valueOf(record);
    this.headers = headers === undefined ? undefined : headersOf(headers(record));
  }
}

function bytesOf(from: KafkaBytes | null, buffer: GrowingByteSink, part: string): Uint8Array | null {
  if (typeof from === 'string') {
    buffer.clear();
    buffer.writeString(from);
    return buffer.bytes.subarray(0, buffer.length);
  }
  if (from === null || from instanceof Uint8Array) return from;
  throw new MillraceError(
    'NOT_SERIALIZABLE',
    `The ${part} of a record for Kafka must be bytes (Uint8Array), text or null, but the function for it returned a value of type ${typeof from}.`,
  );
}

function headersOf(entries: Iterable<readonly [string, KafkaBytes | null]>): KafkaHeader[] {
  const headers: KafkaHeader[] = [];
  for (const [key, value] of entries) headers.push({ key, value: typeof value === 'string' ? encoder.encode(value) : value });
  return headers;
}
