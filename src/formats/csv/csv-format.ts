/**
 * CSV as RFC 4180 has it: records on lines that end in LF or CRLF, columns that may be quoted, quotes doubled within quotes.
 *
 * Decoding is projecting and batched (`csv-reader.ts`): the columns of the schema become fields, others are passed over.
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
import type { TypeInformation } from '../../serialization/index.ts';
import { ChunkDecoder, checkedMaxRecordBytes } from '../chunk-decoder.ts';
import { LineMessageDecoder } from '../line-message-decoder.ts';
import { utf8Bytes } from '../text-decoding.ts';
import { createCsvEncoder, csvHeader } from './csv-encoder.ts';
import { type CsvFields, csvFields } from './csv-plan.ts';
import { CsvBlockReader, CsvEnginePool } from './csv-reader.ts';

export interface CsvFormatOptions<T> {
  /**
   * A `Types.OBJECT` with a field for each column wanted. An empty column is `undefined` if its field is OPTIONAL, an
   * empty string if it is a STRING, and malformed otherwise. TIMESTAMP and DATE take ISO 8601 text (UTC if it names no
   * zone) or milliseconds; BOOLEAN takes `true` and `false` in any case; BYTES are Base64. Without a schema every
   * column is a string.
   */
  readonly schema?: TypeInformation<T>;
  /**
   * What the first record of each input is: `byName` (the default) names the columns, and must have those of the
   * schema; `skip` is passed over; `none`: there is no header.
   */
  readonly header?: 'byName' | 'skip' | 'none';
  /** All columns, in order, unless the header names them. By default the fields of the schema. */
  readonly columns?: readonly string[];
  /** One ASCII character. Default `,`. */
  readonly delimiter?: string;
  /** One ASCII character. Default `"`. */
  readonly quote?: string;
  /** A longer record is malformed. Default 16 MiB, at most 64 MiB. */
  readonly maxRecordBytes?: number;
}

export class CsvFormat<T> implements DecodingFormat<T>, MessageDecodingFormat<T>, EncodingFormat<T> {
  readonly name = 'csv';
  /** The line that opens each file, unless `header` is `none` or the columns are not known. */
  readonly header: Uint8Array | undefined;
  private readonly headerMode: 'byName' | 'skip' | 'none';
  private readonly columns: readonly string[] | undefined;
  private readonly delimiter: string;
  private readonly quote: string;
  private readonly maxRecordBytes: number;
  private readonly engines: CsvEnginePool;

  /** @throws MillraceError INVALID_OPTION if the schema is nothing that CSV can have, or the options do not fit together. */
  constructor(options: CsvFormatOptions<T>) {
    const fields: CsvFields | undefined = options.schema === undefined ? undefined : csvFields(options.schema);
    this.headerMode = options.header ?? 'byName';
    this.columns = options.columns ?? fields?.map((field) => field.name);
    this.delimiter = asciiOption('delimiter', options.delimiter ?? ',');
    this.quote = asciiOption('quote', options.quote ?? '"');
    if (this.delimiter === this.quote) {
      throw new MillraceError('INVALID_OPTION', 'The options "delimiter" and "quote" of the CSV format must differ.');
    }
    if (this.headerMode !== 'byName' && this.columns === undefined) {
      throw new MillraceError(
        'INVALID_OPTION',
        `The CSV format cannot know the columns with header: '${this.headerMode}'; give it a schema or "columns".`,
      );
    }
    const missing = fields?.find((field) => !field.optional && this.columns?.includes(field.name) === false);
    if (missing !== undefined) {
      throw new MillraceError(
        'INVALID_OPTION',
        `The option "columns" of the CSV format lacks the field "${missing.name}" of the schema.`,
      );
    }
    this.maxRecordBytes = checkedMaxRecordBytes(options.maxRecordBytes);
    this.header =
      this.columns === undefined || this.headerMode === 'none'
        ? undefined
        : utf8Bytes(csvHeader(this.encoderOptions(this.columns)));
    this.engines = new CsvEnginePool(fields, { delimiter: this.delimiter.charCodeAt(0), quote: this.quote.charCodeAt(0) });
  }

  /** @throws MillraceError ILLEGAL_STATE if decoding starts behind a header that names the columns, without the state of an earlier decoder. */
  createDecoder(context: DecoderContext): StreamDecoder<T> {
    const columns = context.state as readonly string[] | undefined;
    const isBehindHeader = columns !== undefined || (context.startOffset ?? 0) > 0;
    if (this.headerMode === 'byName' && isBehindHeader && columns === undefined) {
      throw new MillraceError(
        'ILLEGAL_STATE',
        `Decoding ${context.source} cannot start at byte ${context.startOffset}: the columns are named by the header, at byte 0.`,
      );
    }
    const options = {
      source: context.source,
      header: this.headerMode,
      columns: this.headerMode === 'byName' ? undefined : this.columns,
    };
    const headerPending = this.headerMode !== 'none' && !isBehindHeader;
    return new ChunkDecoder(new CsvBlockReader<T>(this.engines, options, headerPending, columns), context, this.maxRecordBytes);
  }

  /**
   * One row is one message. There is no header in messages, whatever `header` says: the columns are those of the schema, or
   * the option "columns".
   * @throws MillraceError INVALID_OPTION if the columns are not known.
   */
  createMessageDecoder(context: MessageDecoderContext): MessageDecoder<T> {
    if (this.columns === undefined) {
      throw new MillraceError(
        'INVALID_OPTION',
        'The CSV format cannot know the columns of messages, which have no header; give it a schema or "columns".',
      );
    }
    const options = { source: 'the messages', header: 'none', columns: this.columns } as const;
    const reader = new CsvBlockReader<T>(this.engines, options, false);
    const { maxRecordBytes } = this;
    return new LineMessageDecoder(reader, { maxRecordBytes, quote: this.quote.charCodeAt(0) }, context);
  }

  createEncoder(): (value: T, sink: ByteSink) => void {
    if (this.columns === undefined) {
      throw new MillraceError('INVALID_OPTION', 'The CSV format needs a schema or "columns" to write.');
    }
    return createCsvEncoder(this.encoderOptions(this.columns));
  }

  private encoderOptions(columns: readonly string[]) {
    return { columns, delimiter: this.delimiter, quote: this.quote };
  }
}

function asciiOption(name: string, value: string): string {
  const code = value.charCodeAt(0);
  if (value.length === 1 && code < 128 && code !== 0x0a && code !== 0x0d) return value;
  throw new MillraceError(
    'INVALID_OPTION',
    `The option "${name}" of the CSV format must be one ASCII character, but is ${JSON.stringify(value)}.`,
  );
}

/**
 * The CSV format.
 *
 * @example
 * ```ts
 * csvFormat({ schema: Types.OBJECT({ carrier: Types.STRING, delay: Types.OPTIONAL(Types.INT) }) });
 * csvFormat(); // the header's columns, all strings
 * ```
 */
export function csvFormat<T = Record<string, string>>(options: CsvFormatOptions<T> = {}): CsvFormat<T> {
  return new CsvFormat(options);
}
