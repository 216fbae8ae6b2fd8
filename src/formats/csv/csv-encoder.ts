/**
 * Writes objects as CSV records (RFC 4180, with LF): quotes only where the text needs them.
 *
 * `undefined` and `null` are an empty column; an empty string is `""`, so that both come back as they were.
 */
import { MillraceError } from '../../common/index.ts';
import type { ByteSink } from '../../connector/index.ts';

export interface CsvEncoderOptions {
  readonly columns: readonly string[];
  readonly delimiter: string;
  readonly quote: string;
}

export function createCsvEncoder<T>(options: CsvEncoderOptions): (value: T, sink: ByteSink) => void {
  const { columns, delimiter } = options;
  const toText = createColumnWriter(options);
  return (value, sink) => {
    let line = '';
    for (let i = 0; i < columns.length; i++) {
      if (i > 0) line += delimiter;
      line += toText((value as Record<string, unknown>)[columns[i] as string], columns[i] as string);
    }
    // A line with nothing on it is no record; a quoted empty column is one.
    sink.writeString(line === '' ? `${options.quote}${options.quote}\n` : `${line}\n`);
  };
}

/** The header line. */
export function csvHeader(options: CsvEncoderOptions): string {
  const toText = createColumnWriter(options);
  return `${options.columns.map((name) => toText(name, name)).join(options.delimiter)}\n`;
}

function createColumnWriter({ delimiter, quote }: CsvEncoderOptions): (value: unknown, column: string) => string {
  const write = (text: string): string => {
    let needsQuotes = text.length === 0;
    for (let i = 0; i < text.length && !needsQuotes; i++) {
      const char = text[i];
      needsQuotes = char === delimiter || char === quote || char === '\n' || char === '\r';
    }
    return needsQuotes ? quote + text.replaceAll(quote, quote + quote) + quote : text;
  };
  return (value, column) => {
    switch (typeof value) {
      case 'string':
        return write(value);
      case 'undefined':
        return '';
      case 'number':
        return write(Object.is(value, -0) ? '-0' : String(value));
      case 'bigint':
      case 'boolean':
        return write(String(value));
      case 'object':
        if (value === null) return '';
        if (value instanceof Date) return write(value.toISOString());
        if (value instanceof Uint8Array) return write(base64(value));
    }
    throw new MillraceError(
      'NOT_SERIALIZABLE',
      `The CSV format cannot write the ${typeof value} in column ${JSON.stringify(column)}: a column holds text, a number, a bigint, a boolean, a Date or bytes.`,
      { context: { column } },
    );
  };
}

function base64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
