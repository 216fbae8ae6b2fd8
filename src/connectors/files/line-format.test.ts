/**
 * A format for the tests of this folder. A record is a line; `!` opens a malformed one, empty lines are skipped. With
 * `header` the first line is a title that is put before each record, so that a resumed decoder needs its state.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DecoderContext, DecodingFormat, EncodingFormat, StreamDecoder } from '../../connector/index.ts';

const decoder = new TextDecoder();

class LineDecoder implements StreamDecoder<string> {
  line: number;
  #offset: number;
  readonly #context: DecoderContext;
  readonly #titled: boolean;
  #title: string | undefined;

  constructor(context: DecoderContext, titled: boolean) {
    this.#context = context;
    this.line = context.startLine ?? 1;
    this.#offset = context.startOffset ?? 0;
    this.#titled = titled;
    this.#title = context.state as string | undefined;
  }

  snapshotState(): unknown {
    return this.#title;
  }

  decode(chunk: Uint8Array, start: number, end: number, out: string[], endOfInput: boolean): number {
    let position = start;
    while (position < end) {
      const newline = chunk.subarray(0, end).indexOf(10, position);
      if (newline < 0 && !endOfInput) break;
      const lineEnd = newline < 0 ? end : newline;
      const bytes = chunk.slice(position, lineEnd);
      if (bytes[0] === 33) {
        const { source } = this.#context;
        this.#context.onMalformed({ source, line: this.line, column: 1, offset: this.#offset, message: 'Unexpected !.', bytes });
      } else if (this.#titled && this.#title === undefined) {
        this.#title = decoder.decode(bytes);
      } else if (bytes.length > 0) {
        out.push(this.#titled ? `${this.#title}:${decoder.decode(bytes)}` : decoder.decode(bytes));
      }
      const next = newline < 0 ? end : newline + 1;
      this.#offset += next - position;
      if (newline >= 0) this.line++;
      position = next;
    }
    return position;
  }
}

/** @param options `canBeCut` says that records end with line ends */
export function lineFormat(
  options: { readonly header?: boolean; readonly canBeCut?: boolean } = {},
): DecodingFormat<string> & EncodingFormat<string> {
  return {
    name: 'lines',
    ...(options.canBeCut && { recordEnd: 10 }),
    header: options.header ? new TextEncoder().encode('title\n') : undefined,
    createDecoder: (context) => new LineDecoder(context, options.header === true),
    createEncoder: () => (value, sink) => {
      sink.writeString(value);
      sink.writeString('\n');
    },
  };
}

test('the test format splits lines, skips empty ones and reports malformed ones', () => {
  const malformed: number[] = [];
  const lines = lineFormat().createDecoder({ source: 'x', onMalformed: (record) => malformed.push(record.line) });
  const out: string[] = [];
  const bytes = new TextEncoder().encode('a\n\n!b\nc');
  assert.equal(lines.decode(bytes, 0, bytes.length, out, false), 6);
  assert.equal(lines.decode(bytes, 6, bytes.length, out, true), 7);
  assert.deepEqual(out, ['a', 'c']);
  assert.deepEqual(malformed, [3]);
});
