/** Where printed text goes: a seam in front of the process's streams, which exist only where there is a process. */
import { MillraceError } from '../../common/index.ts';

export interface TextOutput {
  /**
   * Writes `text`. Throws if writing failed before.
   * @returns `undefined`, or a promise that resolves when there is room for more
   */
  write(text: string): Promise<void> | undefined;
}

/** The part of a Node stream that is used. */
interface WritableStream {
  write(text: string): boolean;
  on(event: 'error' | 'drain' | 'close', listener: (error?: Error) => void): unknown;
}

/** stdout or stderr of the process; the console, line by line, where there is none. */
export function standardOutput(name: 'stdout' | 'stderr'): TextOutput {
  const stream = (globalThis as { process?: { [stream in 'stdout' | 'stderr']?: WritableStream } }).process?.[name];
  return stream === undefined ? consoleOutput(name) : streamOutput(stream, name);
}

const outputs = new WeakMap<WritableStream, TextOutput>();

/** One output for each stream, so that its listeners are added once. */
export function streamOutput(stream: WritableStream, name: string): TextOutput {
  const known = outputs.get(stream);
  if (known !== undefined) return known;
  let failure: MillraceError | undefined;
  let waiting: (() => void)[] = [];
  const wake = (): void => {
    const resolves = waiting;
    waiting = [];
    for (const resolve of resolves) resolve();
  };
  stream.on('drain', wake);
  stream.on('close', wake);
  stream.on('error', (error) => {
    failure = new MillraceError('SINK_FAILED', `Cannot write to ${name}: ${error?.message ?? 'it is closed'}.`, {
      cause: error,
      recoverable: false,
    });
    wake();
  });
  const output: TextOutput = {
    write(text) {
      if (failure !== undefined) throw failure;
      return stream.write(text) ? undefined : new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
  outputs.set(stream, output);
  return output;
}

function consoleOutput(name: 'stdout' | 'stderr'): TextOutput {
  return {
    write(text) {
      const print = name === 'stdout' ? console.log : console.error;
      print(text.endsWith('\n') ? text.slice(0, -1) : text);
      return undefined;
    },
  };
}
