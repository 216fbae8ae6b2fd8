/** Messages as they are: for jobs that decode themselves, or only pass on. */
import type { MessageBlock, MessageDecoder, MessageDecodingFormat } from '../connector/index.ts';

class BytesFormat implements MessageDecodingFormat<Uint8Array> {
  readonly name = 'bytes';

  createMessageDecoder(): MessageDecoder<Uint8Array> {
    return {
      decode({ bytes, starts, ends }: MessageBlock, from: number, to: number, out: Uint8Array[]): number {
        for (let i = from; i < to; i++) out.push(bytes.slice(starts[i], ends[i]));
        return to;
      },
    };
  }
}

/** Each message is a `Uint8Array`: a copy, which the program may keep. */
export function bytesFormat(): MessageDecodingFormat<Uint8Array> {
  return new BytesFormat();
}
