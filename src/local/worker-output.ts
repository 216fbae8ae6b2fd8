/**
 * Standard output of the thread of a slot: it goes to the main thread by the connection on which the tasks report, so that what a
 * task printed is there before the news that it has ended, and a reader that is slow holds the task back as on one thread.
 *
 * What the program prints outside of its tasks was printed on the main thread already, and is dropped.
 */
import process from 'node:process';

type Chunk = string | Uint8Array;
type Callback = (error?: Error | null) => void;

const HIGH_WATER_CHARS = 64 * 1024;

/**
 * @param send resolves when there is room for more
 * @param isMuted whether what is written now is dropped
 */
export function redirectOutput(
  name: 'stdout' | 'stderr',
  send: (stream: 'stdout' | 'stderr', chunk: Chunk) => Promise<void>,
  isMuted: () => boolean,
): void {
  const stream = process[name];
  let underway = 0;
  let full = false;
  const done = (chars: number): void => {
    underway -= chars;
    if (!full || underway > 0) return;
    full = false;
    stream.emit('drain');
  };
  const write = (chunk: Chunk, encoding?: BufferEncoding | Callback, callback?: Callback): boolean => {
    const written = typeof encoding === 'function' ? encoding : callback;
    if (isMuted()) {
      if (written) process.nextTick(written);
      return true;
    }
    const text = typeof chunk === 'string' && typeof encoding === 'string' && !/^utf-?8$/i.test(encoding);
    const sent = text ? Buffer.from(chunk as string, encoding as BufferEncoding) : chunk;
    underway += chunk.length;
    full ||= underway >= HIGH_WATER_CHARS;
    send(name, sent).then(
      () => {
        done(chunk.length);
        written?.();
      },
      (error: Error) => {
        done(chunk.length);
        if (written) written(error);
        if (stream.listenerCount('error') > 0) stream.emit('error', error);
      },
    );
    return !full;
  };
  stream.write = write as typeof stream.write;
}
