/**
 * The contract between connectors whose records come with their boundaries (a broker's messages) and formats.
 *
 * Many messages are decoded at once, straight from the bytes they arrived in: what the job does not read is never built, and
 * what a decoder does once for a block it does not do for each message. A message is one record, whole: a newline in it ends
 * nothing. A decoder may have to wait for something from outside (the schema that a message names); it then stops in front of
 * that message and says when to go on.
 */

/** Messages as ranges of one block of bytes, in ascending order: message `i` is `bytes[starts[i] .. ends[i])`. */
export interface MessageBlock {
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

export interface MessageDecoderContext {
  /**
   * Called in order, instead of a value, for each message that cannot be decoded.
   * @param index of the message in its block.
   * @param column 1-based, in bytes, of what is wrong; 1 if it is the message as a whole.
   */
  onMalformed(index: number, column: number, message: string): void;
}

export interface MessageDecoder<T> {
  /**
   * Decodes messages `from` to `to` of the block and appends their values to `out`; malformed ones go to the context's
   * `onMalformed`. The memory of the block is reused afterwards, so values must not refer to it.
   * @returns the index behind the last message dealt with: `to`, unless the decoder must wait. Then call again once
   *   {@link ready} has resolved.
   */
  decode(block: MessageBlock, from: number, to: number, out: T[]): number;
  /** Resolves when {@link decode} can go on; rejects if it never can. Only decoders that may have to wait have it. */
  ready?(): Promise<void>;
}

/** A format for messages. */
export interface MessageDecodingFormat<T> {
  readonly name: string;
  createMessageDecoder(context: MessageDecoderContext): MessageDecoder<T>;
}
