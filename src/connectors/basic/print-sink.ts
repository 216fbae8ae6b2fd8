/**
 * Prints records, one line each. Lines are gathered and written together, when there are many or a moment after the first;
 * when the stream is full, the sink holds back its input until it has drained.
 */
import { type Clock, formatValue, type TimerHandle } from '../../common/index.ts';
import type { Sink, SinkInitContext, SinkWriter } from '../../connector/index.ts';
import { standardOutput, type TextOutput } from './text-output.ts';

export interface PrintSinkOptions {
  /** 'stdout' by default. */
  readonly output?: 'stdout' | 'stderr' | TextOutput;
  /** Put before each line, as `prefix> `. */
  readonly prefix?: string;
  /** How plans and metrics call the sink. */
  readonly name?: string;
}

const MAX_BUFFERED_CHARS = 16 * 1024;
const FLUSH_AFTER_MS = 10;

/** Strings are printed as they are, other values on one line. With several subtasks each line begins with `<subtask + 1>> `. */
export class PrintSink<T> implements Sink<T> {
  readonly name: string;
  readonly #options: PrintSinkOptions;

  constructor(options: PrintSinkOptions = {}) {
    this.#options = options;
    this.name = options.name ?? (options.output === 'stderr' ? 'Print to Std. Err' : 'Print to Std. Out');
  }

  createWriter(context: SinkInitContext): SinkWriter<T> {
    const { output = 'stdout', prefix = '' } = this.#options;
    const subtask = context.parallelism > 1 ? String(context.subtaskIndex + 1) : '';
    const parts = [prefix, subtask].filter((part) => part !== '').join(':');
    return new PrintSinkWriter<T>(
      parts === '' ? '' : `${parts}> `,
      typeof output === 'string' ? standardOutput(output) : output,
      context.clock,
    );
  }
}

class PrintSinkWriter<T> implements SinkWriter<T> {
  readonly #linePrefix: string;
  readonly #output: TextOutput;
  readonly #clock: Clock;
  #text = '';
  #timer: TimerHandle | undefined;
  #draining: Promise<void> | undefined;
  #error: unknown;

  constructor(linePrefix: string, output: TextOutput, clock: Clock) {
    this.#linePrefix = linePrefix;
    this.#output = output;
    this.#clock = clock;
  }

  write(value: T): void {
    if (this.#error !== undefined) throw this.#error;
    this.#text += `${this.#linePrefix}${formatValue(value, PRINTED)}\n`;
    if (this.#text.length >= MAX_BUFFERED_CHARS) this.#print();
    else this.#timer ??= this.#clock.setTimer(FLUSH_AFTER_MS, () => this.#onTimer());
  }

  isAvailable(): Promise<void> | undefined {
    return this.#draining;
  }

  async flush(): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    this.#print();
    await this.#draining;
    if (this.#error !== undefined) throw this.#error;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #onTimer(): void {
    try {
      this.#print();
    } catch (error) {
      this.#error = error;
    }
  }

  #print(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    const drained = this.#output.write(text);
    if (drained === undefined) return;
    const done = (): void => {
      if (this.#draining === draining) this.#draining = undefined;
    };
    const draining = drained.then(done, (error) => {
      this.#error = error;
      done();
    });
    this.#draining = draining;
  }
}

const PRINTED = { bareStrings: true, maxChars: 100_000 };
