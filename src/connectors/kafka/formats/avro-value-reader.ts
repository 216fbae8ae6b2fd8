/** Reads single Avro values out of a block of messages, by the writer's schema, as the reader's schema wants them. */

import { toError } from '../../../common/index.ts';
import type { MessageBlock, MessageDecoderContext } from '../../../connector/index.ts';
import type { AvroType } from './avro-library.ts';

export class AvroValueReader {
  readonly #type: AvroType;
  readonly #reader: AvroType;
  readonly #resolver: ReturnType<AvroType['createResolver']> | undefined;

  /**
   * @param reader what is wanted: fields that it lacks are passed over and never built; absent: everything
   * @throws Error if the reader's schema cannot read what the writer's schema writes
   */
  constructor(writer: AvroType, reader?: AvroType) {
    this.#type = writer;
    this.#reader = reader ?? writer;
    this.#resolver = reader === undefined || reader.equals(writer) ? undefined : reader.createResolver(writer);
  }

  /** Reads the value in `bytes[start .. end)`, or reports why there is none. @param bytes the block's, as a Buffer */
  read(bytes: Buffer, start: number, end: number, index: number, out: unknown[], context: MessageDecoderContext): void {
    try {
      const { value, offset } = this.#decode(bytes, start);
      if (offset === end) {
        out.push(value);
        return;
      }
    } catch {
      // What went wrong may lie in the next message: see below.
    }
    this.#explain(bytes.subarray(start, end), index, context);
  }

  #decode(bytes: Buffer, start: number): { readonly value: unknown; readonly offset: number } {
    return this.#resolver === undefined ? this.#type.decode(bytes, start) : this.#reader.decode(bytes, start, this.#resolver);
  }

  /** Reads the message without its neighbours, so that nothing is read behind its end, and reports what is wrong. */
  #explain(message: Buffer, index: number, context: MessageDecoderContext): void {
    try {
      const { offset } = this.#decode(message, 0);
      if (offset < 0) context.onMalformed(index, 1, 'The message ends in the middle of its Avro value.');
      else context.onMalformed(index, offset + 1, `${message.length - offset} bytes follow the Avro value.`);
    } catch (error) {
      context.onMalformed(index, 1, `The message does not fit the Avro schema: ${toError(error).message}.`);
    }
  }
}

/** The bytes of a block as avsc wants them. */
export const bufferOf = ({ bytes }: MessageBlock): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
