/**
 * Decodes messages with the readers of lines: a block of them is gathered into lines, and one line is one message.
 *
 * Two things could break that equation, and both are found: a blank message (readers pass over blank lines), because then
 * fewer records than messages come out; and, in formats whose records may hold newlines in quotes, a block in which there is
 * a quote or a line end. Such blocks are read again in halves, at last message by message.
 */
import type { MessageBlock, MessageDecoder, MessageDecoderContext } from '../connector/index.ts';
import { BLOCK_BYTES, type BlockPosition, type BlockReader } from './chunk-decoder.ts';
import { MessageGatherer } from './message-gatherer.ts';

const CARRIAGE_RETURN = 0x0d;

export interface LineMessageDecoderOptions {
  /** A longer message is malformed. */
  readonly maxRecordBytes: number;
  /** The byte within which a record may hold newlines, if there is one. */
  readonly quote?: number;
}

/** What a reader reported, to be passed on when it is known which message it was. */
class Reports implements BlockPosition {
  line = 1;
  readonly reported: { readonly line: number; readonly column: number; readonly message: string }[] = [];

  malformed(_chunk: Uint8Array, _block: number, start: number, _end: number, at: number, message: string): void {
    this.reported.push({ line: this.line, column: at - start + 1, message });
  }

  reset(): void {
    this.line = 1;
    if (this.reported.length > 0) this.reported.length = 0;
  }
}

export class LineMessageDecoder<T> implements MessageDecoder<T> {
  readonly #reader: BlockReader<T>;
  readonly #options: LineMessageDecoderOptions;
  readonly #context: MessageDecoderContext;
  readonly #reports = new Reports();
  #gatherer: MessageGatherer;

  constructor(
    reader: BlockReader<T>,
    options: LineMessageDecoderOptions,
    context: MessageDecoderContext,
    gatherer = new MessageGatherer(BLOCK_BYTES),
  ) {
    this.#reader = reader;
    this.#options = options;
    this.#context = context;
    this.#gatherer = gatherer;
  }

  decode(block: MessageBlock, from: number, to: number, out: T[]): number {
    const { starts, ends } = block;
    const limit = this.#gatherer.capacity;
    const { maxRecordBytes } = this.#options;
    for (let i = from; i < to; ) {
      const origin = starts[i] as number;
      const most = Math.min(to, i + this.#gatherer.maxMessages);
      let j = i;
      for (; j < most; j++) {
        const end = ends[j] as number;
        if (end - origin + (j - i) >= limit || end - (starts[j] as number) > maxRecordBytes) break;
      }
      if (j > i) {
        this.#decodeLines(block, i, j, out);
        i = j;
      } else {
        this.#decodeLarge(block, i++, out);
      }
    }
    return to;
  }

  #decodeLines(block: MessageBlock, from: number, to: number, out: T[]): void {
    const { quote } = this.#options;
    const length = this.#gatherer.gather(block, from, to);
    const lines = this.#gatherer.bytes.subarray(0, length);
    if (quote !== undefined && (lines.includes(quote) || lines.includes(CARRIAGE_RETURN))) {
      for (let i = from; i < to; i++) this.#decodeAlone(block, i, out);
      return;
    }
    const before = out.length;
    const reports = this.#reports;
    reports.reset();
    this.#reader.read(lines, 0, length, false, out, reports);
    if (out.length - before + reports.reported.length === to - from) {
      for (const { line, column, message } of reports.reported) this.#context.onMalformed(from + line - 1, column, message);
    } else if (to - from === 1) {
      this.#context.onMalformed(from, 1, 'The message is blank.');
    } else {
      out.length = before;
      const middle = (from + to) >>> 1;
      this.#decodeLines(block, from, middle, out);
      this.#decodeLines(block, middle, to, out);
    }
  }

  /** Reads one message with its own newlines. */
  #decodeAlone({ bytes, starts, ends }: MessageBlock, index: number, out: T[]): void {
    const start = starts[index] as number;
    const end = ends[index] as number;
    const before = out.length;
    const reports = this.#reports;
    reports.reset();
    for (let at = start; at < end; ) at += this.#reader.read(bytes, at, end, true, out, reports);
    const [report] = reports.reported;
    if (report !== undefined) this.#context.onMalformed(index, report.column, report.message);
    else if (out.length === before) this.#context.onMalformed(index, 1, 'The message is blank.');
    else if (out.length > before + 1) this.#context.onMalformed(index, 1, 'The message holds more than one record.');
    else return;
    out.length = before;
  }

  /** A message that does not fit. The larger gatherer stays: where one large message came, others will. */
  #decodeLarge(block: MessageBlock, index: number, out: T[]): void {
    const { maxRecordBytes } = this.#options;
    const size = (block.ends[index] as number) - (block.starts[index] as number);
    if (size > maxRecordBytes) {
      this.#context.onMalformed(index, 1, `The message has ${size} bytes, and maxRecordBytes is ${maxRecordBytes}.`);
      return;
    }
    if (size >= this.#gatherer.capacity) this.#gatherer = new MessageGatherer(2 * size);
    this.#decodeLines(block, index, index + 1, out);
  }
}
