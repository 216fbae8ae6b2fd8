/**
 * Bytes as they arrive, cut into pieces of UTF-8 text at a delimiter.
 *
 * The delimiter is looked for in bytes, so characters that straddle chunks are never torn. What was searched is not searched
 * again. Memory: what waits, and at most as much room again.
 */
const RETURN = 13;

export class DelimitedText {
  readonly #delimiter: Uint8Array;
  /** A newline as the delimiter takes a carriage return before it along. */
  readonly #dropReturn: boolean;
  readonly #decoder = new TextDecoder();
  #buffer: Uint8Array = new Uint8Array(16 * 1024);
  #start = 0;
  #end = 0;
  /** No delimiter begins in `#start .. #searched`. */
  #searched = 0;
  /** Behind this offset everything up to it is complete, delimiter or not. */
  #hardEnds: number[] = [];

  constructor(delimiter: string) {
    this.#delimiter = new TextEncoder().encode(delimiter);
    this.#dropReturn = delimiter === '\n';
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#end - this.#start;
  }

  /** Whether `next` may find something: bytes that it has not looked at, or an end. */
  get hasNews(): boolean {
    return this.#hardEnds.length > 0 || this.#end - this.#searched >= this.#delimiter.length;
  }

  append(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#buffer.length) this.#makeRoom(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** What waits now is complete, even without a delimiter. */
  end(): void {
    if (this.#end > (this.#hardEnds.at(-1) ?? this.#start)) this.#hardEnds.push(this.#end);
  }

  /** Forgets what waits behind the last delimiter. */
  dropIncomplete(): void {
    const from = this.#hardEnds.at(-1) ?? this.#start;
    let last = -1;
    for (let at = this.#find(from, this.#end); at >= 0; at = this.#find(last, this.#end)) last = at + this.#delimiter.length;
    this.#end = last < 0 ? from : last;
    this.#searched = Math.min(this.#searched, this.#end);
  }

  /** The next complete piece, without its delimiter. */
  next(): string | undefined {
    const hardEnd = this.#hardEnds[0];
    const limit = hardEnd ?? this.#end;
    const at = this.#find(this.#searched, limit);
    if (at >= 0) {
      const text = this.#take(at, at + this.#delimiter.length);
      if (hardEnd === this.#start) this.#hardEnds.shift();
      return text;
    }
    if (hardEnd !== undefined) {
      this.#hardEnds.shift();
      return this.#take(hardEnd, hardEnd);
    }
    this.#searched = Math.max(this.#start, limit - this.#delimiter.length + 1);
    return undefined;
  }

  #take(textEnd: number, next: number): string {
    const end = this.#dropReturn && textEnd > this.#start && this.#buffer[textEnd - 1] === RETURN ? textEnd - 1 : textEnd;
    const text = this.#decoder.decode(this.#buffer.subarray(this.#start, end));
    this.#start = next;
    this.#searched = next;
    return text;
  }

  #find(from: number, to: number): number {
    const [first] = this.#delimiter;
    const size = this.#delimiter.length;
    for (
      let at = this.#buffer.indexOf(first as number, from);
      at >= 0 && at + size <= to;
      at = this.#buffer.indexOf(first as number, at + 1)
    ) {
      let i = 1;
      while (i < size && this.#buffer[at + i] === this.#delimiter[i]) i++;
      if (i === size) return at;
    }
    return -1;
  }

  #makeRoom(more: number): void {
    const waiting = this.bytes;
    const shift = this.#start;
    const target = waiting + more > this.#buffer.length / 2 ? new Uint8Array(2 * (waiting + more)) : this.#buffer;
    target.set(this.#buffer.subarray(this.#start, this.#end));
    this.#buffer = target;
    this.#start = 0;
    this.#end = waiting;
    this.#searched -= shift;
    this.#hardEnds = this.#hardEnds.map((end) => end - shift);
  }
}
