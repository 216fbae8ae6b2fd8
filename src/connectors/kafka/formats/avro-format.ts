/** Messages that are one Avro value each, all of one schema that the program knows. */
import type { MessageBlock, MessageDecoder, MessageDecoderContext, MessageDecodingFormat } from '../../../connector/index.ts';
import { type AvroSchema, avroTypeOf, loadAvroLibrary } from './avro-library.ts';
import { AvroValueReader, bufferOf } from './avro-value-reader.ts';

export interface AvroFormatOptions {
  /** With which the messages were written. */
  readonly schema: AvroSchema;
  /** What the job wants of them: fields that are not in it are passed over. All of `schema` by default. */
  readonly readerSchema?: AvroSchema;
}

class AvroMessageDecoder<T> implements MessageDecoder<T> {
  readonly #context: MessageDecoderContext;
  readonly #loading: Promise<void>;
  #reader: AvroValueReader | undefined;

  constructor({ schema, readerSchema }: AvroFormatOptions, context: MessageDecoderContext) {
    this.#context = context;
    this.#loading = loadAvroLibrary().then((library) => {
      const wanted = readerSchema === undefined ? undefined : avroTypeOf(library, readerSchema);
      this.#reader = new AvroValueReader(avroTypeOf(library, schema), wanted);
    });
    // It is reported by `ready`.
    this.#loading.catch(() => {});
  }

  ready(): Promise<void> {
    return this.#loading;
  }

  decode(block: MessageBlock, from: number, to: number, out: T[]): number {
    if (this.#reader === undefined) return from;
    const bytes = bufferOf(block);
    for (let i = from; i < to; i++) {
      this.#reader.read(bytes, block.starts[i] as number, block.ends[i] as number, i, out, this.#context);
    }
    return to;
  }
}

/**
 * The Avro format, for messages of one schema. Values are plain objects; unions are written as their values unless that is
 * ambiguous; `long`s beyond 2^53 are malformed. Needs the package `avsc`.
 */
export function avroFormat<T = any>(options: AvroFormatOptions): MessageDecodingFormat<T> {
  return { name: 'avro', createMessageDecoder: (context) => new AvroMessageDecoder<T>(options, context) };
}
