export { bytesFormat } from './bytes-format.ts';
export { CsvFormat, type CsvFormatOptions, csvFormat } from './csv/csv-format.ts';
export { JsonFormat, type JsonFormatOptions, jsonFormat } from './json/json-format.ts';
export { TextLineFormat, type TextLineFormatOptions, textLineFormat } from './text/text-line-format.ts';
