/**
 * Confluent's wire format: a byte 0, the id of a schema in four bytes, and the value.
 *
 * The id says how an Avro value was written: its schema is fetched from the registry when a message first names it, and decoding
 * waits for that in front of the message. Values of JSON explain themselves: their id is passed over.
 */
import { toError } from '../../../common/index.ts';
import type { MessageBlock, MessageDecoder, MessageDecoderContext, MessageDecodingFormat } from '../../../connector/index.ts';
import { type AvroSchema, avroTypeOf, loadAvroLibrary } from './avro-library.ts';
import { AvroValueReader, bufferOf } from './avro-value-reader.ts';
import { SchemaRegistry, type SchemaRegistryOptions } from './schema-registry.ts';

const HEADER_BYTES = 5;

/** Why the message has no header; `undefined` if it has one. */
function headerFault({ bytes, starts, ends }: MessageBlock, index: number): string | undefined {
  const start = starts[index] as number;
  const size = (ends[index] as number) - start;
  if (size < HEADER_BYTES) return `The message has ${size} bytes, too few for a schema id.`;
  if (bytes[start] !== 0) return `The message begins with byte ${bytes[start]}, and not with 0 and a schema id.`;
  return undefined;
}

export interface ConfluentAvroFormatOptions {
  readonly registry: SchemaRegistryOptions | SchemaRegistry;
  /** What the job wants: fields that are not in it are passed over. All that was written by default. */
  readonly readerSchema?: AvroSchema;
}

class ConfluentAvroDecoder<T> implements MessageDecoder<T> {
  readonly #registry: SchemaRegistry;
  readonly #readerSchema: AvroSchema | undefined;
  readonly #context: MessageDecoderContext;
  /** By schema id; a text says why messages of the id cannot be read. */
  readonly #readers = new Map<number, AvroValueReader | string>();
  #pending: Promise<void> = Promise.resolve();

  constructor(registry: SchemaRegistry, readerSchema: AvroSchema | undefined, context: MessageDecoderContext) {
    this.#registry = registry;
    this.#readerSchema = readerSchema;
    this.#context = context;
  }

  ready(): Promise<void> {
    return this.#pending;
  }

  decode(block: MessageBlock, from: number, to: number, out: T[]): number {
    const bytes = bufferOf(block);
    for (let i = from; i < to; i++) {
      const fault = headerFault(block, i);
      if (fault !== undefined) {
        this.#context.onMalformed(i, 1, fault);
        continue;
      }
      const start = block.starts[i] as number;
      const id = bytes.readUInt32BE(start + 1);
      const reader = this.#readers.get(id);
      if (reader === undefined) {
        this.#pending = this.#load(id);
        this.#pending.catch(() => {});
        return i;
      }
      if (typeof reader === 'string') this.#context.onMalformed(i, 2, reader);
      else reader.read(bytes, start + HEADER_BYTES, block.ends[i] as number, i, out, this.#context);
    }
    return to;
  }

  async #load(id: number): Promise<void> {
    const [library, registered] = await Promise.all([loadAvroLibrary(), this.#registry.schemaById(id)]);
    if (registered === undefined) {
      this.#readers.set(id, `The schema registry has no schema ${id}.`);
      return;
    }
    const { schemaType, schema, referenced } = registered;
    if (schemaType !== 'AVRO') {
      this.#readers.set(id, `Schema ${id} is of the kind ${schemaType}, not AVRO.`);
      return;
    }
    const wanted = this.#readerSchema === undefined ? undefined : avroTypeOf(library, this.#readerSchema);
    try {
      this.#readers.set(id, new AvroValueReader(avroTypeOf(library, schema, referenced), wanted));
    } catch (error) {
      this.#readers.set(id, `Schema ${id} cannot be read: ${toError(error).message}`);
    }
  }
}

/**
 * Avro values in Confluent's wire format, by the schemas of a registry. Values are plain objects. A message of a schema that the
 * registry does not have, or that `readerSchema` cannot read, is malformed. Needs the package `avsc`.
 */
export function confluentAvroFormat<T = any>({ registry, readerSchema }: ConfluentAvroFormatOptions): MessageDecodingFormat<T> {
  const shared = registry instanceof SchemaRegistry ? registry : new SchemaRegistry(registry);
  return {
    name: 'avro-confluent',
    createMessageDecoder: (context) => new ConfluentAvroDecoder<T>(shared, readerSchema, context),
  };
}

class HeaderSkippingDecoder<T> implements MessageDecoder<T> {
  readonly #context: MessageDecoderContext;
  readonly #decoder: MessageDecoder<T>;
  #starts = new Int32Array(0);
  #ends = new Int32Array(0);
  /** Indexes, in the block, of the messages with a header. */
  #indexes = new Int32Array(0);
  /** Reports that wait for those of messages before them. */
  #faults: { readonly index: number; readonly message: string }[] = [];

  constructor(format: MessageDecodingFormat<T>, context: MessageDecoderContext) {
    this.#context = context;
    this.#decoder = format.createMessageDecoder({
      onMalformed: (k, column, message) => {
        const index = this.#indexes[k] as number;
        this.#reportFaults(index);
        context.onMalformed(index, column + HEADER_BYTES, message);
      },
    });
  }

  async ready(): Promise<void> {
    await this.#decoder.ready?.();
  }

  decode(block: MessageBlock, from: number, to: number, out: T[]): number {
    if (this.#starts.length < to - from) {
      this.#starts = new Int32Array(to - from);
      this.#ends = new Int32Array(to - from);
      this.#indexes = new Int32Array(to - from);
    }
    this.#faults = [];
    let count = 0;
    for (let i = from; i < to; i++) {
      const message = headerFault(block, i);
      if (message !== undefined) {
        this.#faults.push({ index: i, message });
        continue;
      }
      this.#starts[count] = (block.starts[i] as number) + HEADER_BYTES;
      this.#ends[count] = block.ends[i] as number;
      this.#indexes[count++] = i;
    }
    const behind = this.#decoder.decode({ bytes: block.bytes, starts: this.#starts, ends: this.#ends }, 0, count, out);
    const end = behind === count ? to : (this.#indexes[behind] as number);
    this.#reportFaults(end);
    return end;
  }

  #reportFaults(before: number): void {
    while (this.#faults[0] !== undefined && this.#faults[0].index < before) {
      const { index, message } = this.#faults.shift() as { index: number; message: string };
      this.#context.onMalformed(index, 1, message);
    }
  }
}

/** Messages of any format behind the header of Confluent's wire format, as Confluent's JSON serialiser writes them. */
export function confluentFormat<T>(format: MessageDecodingFormat<T>): MessageDecodingFormat<T> {
  return {
    name: `${format.name}-confluent`,
    createMessageDecoder: (context) => new HeaderSkippingDecoder<T>(format, context),
  };
}
