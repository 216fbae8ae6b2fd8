/**
 * JSON: one value on each line of a stream, or one value in each message.
 *
 * With a schema, decoding is projecting and batched (`json-reader.ts`): only the fields of the schema are built, the rest is
 * checked and passed over. Without one, every field of any value comes from `JSON.parse`.
 */
import { MillraceError } from '../../common/index.ts';
import type {
  ByteSink,
  DecoderContext,
  DecodingFormat,
  EncodingFormat,
  MessageDecoder,
  MessageDecoderContext,
  MessageDecodingFormat,
  StreamDecoder,
} from '../../connector/index.ts';
import { type TypeInformation, Types } from '../../serialization/index.ts';
import { type BlockReader, ChunkDecoder, checkedMaxRecordBytes } from '../chunk-decoder.ts';
import { LineMessageDecoder } from '../line-message-decoder.ts';
import { utf8Text } from '../text-decoding.ts';
import { createJsonEncoder } from './json-encoder.ts';
import { JsonBlockReader, JsonEnginePool, JsonTextReader } from './json-reader.ts';
import { compileJsonSchema } from './json-type.ts';

export interface JsonFormatOptions<T> {
  /**
   * The shape of a record: usually `Types.OBJECT({...})` with the fields that the job reads; others are passed over.
   *
   * A record that does not fit is malformed: numbers must be JSON numbers (INT and LONG whole, within ±2^31 and
   * ±(2^53−1)), a field that is not OPTIONAL must be there. TIMESTAMP and DATE take ISO 8601 text (UTC if it names no zone), or
   * milliseconds as a number or in digits; BIGINT keeps all digits of 64 bits; BYTES are Base64.
   * An OPTIONAL field that is absent or null is `undefined`.
   */
  readonly schema?: TypeInformation<T>;
  /** Names of the fields wanted, of any type: short for a schema of `Types.ANY` fields. Not together with `schema`. */
  readonly fields?: readonly string[];
  /** A longer record is malformed. Default 16 MiB, at most 64 MiB. */
  readonly maxRecordBytes?: number;
}

export class JsonFormat<T> implements DecodingFormat<T>, MessageDecodingFormat<T>, EncodingFormat<T> {
  readonly name = 'json';
  readonly recordEnd = 0x0a;
  private readonly schema: TypeInformation<T> | undefined;
  private readonly maxRecordBytes: number;
  private readonly engines: JsonEnginePool;

  /** @throws MillraceError INVALID_OPTION if the options contradict each other or the schema is nothing that JSON can have. */
  constructor(options: JsonFormatOptions<T>) {
    if (options.schema !== undefined && options.fields !== undefined) {
      throw new MillraceError('INVALID_OPTION', 'The JSON format takes "schema" or "fields", not both.');
    }
    const named = options.fields?.map((name) => [name, Types.ANY] as const);
    const schema = named === undefined ? options.schema : (Types.OBJECT(Object.fromEntries(named)) as TypeInformation<T>);
    this.schema = schema?.kind === 'ANY' ? undefined : schema;
    this.maxRecordBytes = checkedMaxRecordBytes(options.maxRecordBytes);
    this.engines = new JsonEnginePool(compileJsonSchema(this.schema ?? Types.ANY));
  }

  createDecoder(context: DecoderContext): StreamDecoder<T> {
    return new ChunkDecoder(this.createReader(), context, this.maxRecordBytes);
  }

  /** One JSON value is one message; white space around it and line ends in it are allowed. */
  createMessageDecoder(context: MessageDecoderContext): MessageDecoder<T> {
    return new LineMessageDecoder(this.createReader(), { maxRecordBytes: this.maxRecordBytes }, context);
  }

  private createReader(): BlockReader<T> {
    return this.schema === undefined ? new JsonTextReader<T>(utf8Text, this.engines) : new JsonBlockReader<T>(this.engines);
  }

  createEncoder(): (value: T, sink: ByteSink) => void {
    return createJsonEncoder(this.schema);
  }
}

/**
 * The JSON lines format.
 *
 * @example
 * ```ts
 * jsonFormat({ schema: Types.OBJECT({ ad_id: Types.STRING, event_time: Types.TIMESTAMP }) });
 * jsonFormat<Event>(); // every field, unchecked
 * ```
 */
export function jsonFormat<T = any>(options: JsonFormatOptions<T> & { readonly fields?: undefined }): JsonFormat<T>;
export function jsonFormat<const F extends string>(
  options: JsonFormatOptions<never> & { readonly fields: readonly F[]; readonly schema?: undefined },
): JsonFormat<{ [K in F]: any }>;
export function jsonFormat<T = any>(): JsonFormat<T>;
export function jsonFormat(options: JsonFormatOptions<any> = {}): JsonFormat<any> {
  return new JsonFormat(options);
}
