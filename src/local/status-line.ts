/**
 * One line at the bottom of a terminal that is drawn again and again.
 *
 * Invariant: whatever else the process writes to the terminal meanwhile comes above the line and is never garbled by it. While
 * the line is shown, `write` of the streams that go to the terminal is wrapped: the line is erased, the text is written, and the
 * line comes back once the text has ended a line. `hide` erases it and puts the streams back as they were.
 */

/** The part of a process's stream that is used. */
export interface TerminalStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(chunk: string | Uint8Array, ...rest: any[]): boolean;
}

const ERASE = '\r\u001b[2K';

export class StatusLine {
  private readonly stream: TerminalStream;
  private readonly streams: readonly TerminalStream[];
  /** How to write without the wrap, by stream, while the line is shown. */
  private originals: Map<TerminalStream, TerminalStream['write']> | undefined;
  private text = '';
  private drawn = false;
  /** Somebody wrote a line without its end: drawing now would be in the middle of it. */
  private midLine = false;

  /**
   * @param stream where the line is drawn; a terminal
   * @param others streams that may go to the same terminal; those that are no terminals are left alone
   */
  constructor(stream: TerminalStream, others: readonly TerminalStream[] = []) {
    this.stream = stream;
    this.streams = [...new Set([stream, ...others])].filter((s) => s.isTTY === true);
  }

  get isShown(): boolean {
    return this.originals !== undefined;
  }

  show(text: string): void {
    this.text = text;
    if (this.originals === undefined) this.wrapStreams();
    this.draw();
  }

  hide(): void {
    if (this.originals === undefined) return;
    this.erase();
    for (const [stream, original] of this.originals) stream.write = original;
    this.originals = undefined;
    this.midLine = false;
  }

  private draw(): void {
    if (this.midLine) return;
    const columns = this.stream.columns || 80;
    const text = this.text.length < columns ? this.text : `${this.text.slice(0, Math.max(0, columns - 2))}…`;
    this.rawWrite(ERASE + text);
    this.drawn = true;
  }

  private erase(): void {
    if (this.drawn) this.rawWrite(ERASE);
    this.drawn = false;
  }

  private rawWrite(text: string): void {
    this.originals?.get(this.stream)?.call(this.stream, text);
  }

  private wrapStreams(): void {
    const originals = new Map<TerminalStream, TerminalStream['write']>();
    for (const stream of this.streams) {
      const original = stream.write;
      originals.set(stream, original);
      stream.write = (chunk, ...rest) => {
        this.erase();
        const hasRoom = original.call(stream, chunk, ...rest);
        if (chunk.length > 0) this.midLine = !(typeof chunk === 'string' ? chunk.endsWith('\n') : chunk.at(-1) === 10);
        this.draw();
        return hasRoom;
      };
    }
    this.originals = originals;
  }
}
