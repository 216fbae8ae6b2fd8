/** Text: each line is a string, without its end (LF or CRLF), empty ones too; or each message is one. */
import type {
  ByteSink,
  DecoderContext,
  DecodingFormat,
  EncodingFormat,
  MessageBlock,
  MessageDecoder,
  MessageDecodingFormat,
  StreamDecoder,
} from '../../connector/index.ts';
import { type BlockPosition, type BlockReader, ChunkDecoder, checkedMaxRecordBytes } from '../chunk-decoder.ts';
import { utf8Text } from '../text-decoding.ts';

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export interface TextLineFormatOptions {
  /** A longer line is malformed. Default 16 MiB, at most 64 MiB. */
  readonly maxRecordBytes?: number;
}

class TextLineReader implements BlockReader<string> {
  read(chunk: Uint8Array, start: number, end: number, final: boolean, out: string[], position: BlockPosition): number {
    // Chunks of small files lie in large buffers: the search must not go on behind the data.
    const data = chunk.subarray(0, end);
    let from = start;
    while (from < end) {
      let to = data.indexOf(NEWLINE, from);
      if (to < 0) {
        if (!final) break;
        to = end;
      }
      out.push(utf8Text(chunk, from, to > from && chunk[to - 1] === CARRIAGE_RETURN ? to - 1 : to));
      position.line++;
      from = to + 1;
    }
    return Math.min(from, end) - start;
  }
}

export class TextLineFormat implements DecodingFormat<string>, MessageDecodingFormat<string>, EncodingFormat<string> {
  readonly name = 'text';
  readonly recordEnd = NEWLINE;
  private readonly maxRecordBytes: number;

  constructor(options: TextLineFormatOptions = {}) {
    this.maxRecordBytes = checkedMaxRecordBytes(options.maxRecordBytes);
  }

  createDecoder(context: DecoderContext): StreamDecoder<string> {
    return new ChunkDecoder(new TextLineReader(), context, this.maxRecordBytes);
  }

  /** A message is a string as it is, line ends included. */
  createMessageDecoder(): MessageDecoder<string> {
    return {
      decode({ bytes, starts, ends }: MessageBlock, from: number, to: number, out: string[]): number {
        for (let i = from; i < to; i++) out.push(utf8Text(bytes, starts[i] as number, ends[i] as number));
        return to;
      },
    };
  }

  createEncoder(): (value: string, sink: ByteSink) => void {
    return (value, sink) => sink.writeString(`${value}\n`);
  }
}

/** UTF-8 text, one record a line or a message. Invalid UTF-8 becomes U+FFFD. */
export function textLineFormat(options?: TextLineFormatOptions): TextLineFormat {
  return new TextLineFormat(options);
}
