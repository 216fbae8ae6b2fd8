/**
 * `npm run example -- socket-word-count HOST PORT`: words that come over a TCP connection, counted every 5 seconds.
 * To try it: `nc -lk 9999` in one terminal, the example in another, and type.
 */
import { StreamExecutionEnvironment, TumblingProcessingTimeWindows } from 'millrace';
import { wholeNumber } from '../arguments.ts';
import type { Example } from '../example.ts';
import { wordsOf } from './words.ts';

const WINDOW_MS = 5_000;

export const socketWordCount: Example = {
  name: 'socket-word-count',
  usage: 'HOST PORT',
  description: 'counts the words that come over a TCP connection, every 5 seconds (try it with nc -lk 9999)',
  async run([host = '', port = '']) {
    await countWords(host, wholeNumber('PORT', port), WINDOW_MS);
    return true;
  },
};

/** Prints `word: count` for every word of a window. Ends when the server closes the connection. */
export async function countWords(host: string, port: number, windowMs: number): Promise<void> {
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  env
    .socketTextStream(host, port)
    .flatMap(wordsOf)
    .map((word) => ({ word, count: 1 }))
    .keyBy(({ word }) => word)
    .window(TumblingProcessingTimeWindows.of(windowMs))
    .sum('count')
    .map(({ word, count }) => `${word}: ${count}`)
    .print();
  await env.execute('Socket word count');
}
