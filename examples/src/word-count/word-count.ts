/** `npm run example -- word-count FILE`: how often each word comes in a file (or a folder, or a compressed file). */
import { GlobalWindows, StreamExecutionEnvironment, WatermarkStrategy } from 'millrace';
import { FileSource } from 'millrace/files';
import { textLineFormat } from 'millrace/formats';
import type { Example } from '../example.ts';
import { wordsOf } from './words.ts';

const SHOWN = 20;

export const wordCount: Example = {
  name: 'word-count',
  usage: 'FILE',
  description: 'counts the words of a text file, and shows the most frequent ones',
  async run([file = '']) {
    const env = StreamExecutionEnvironment.getExecutionEnvironment();
    const counts = await env
      .fromSource(FileSource.forFormat(textLineFormat(), file), WatermarkStrategy.noWatermarks<string>(), 'Lines')
      .flatMap(wordsOf)
      .map((word) => ({ word, count: 1 }))
      .keyBy(({ word }) => word)
      .window(GlobalWindows.createWithEndOfStreamTrigger())
      .sum('count')
      .executeAndCollect({ jobName: 'Word count' });

    counts.sort((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1));
    for (const { word, count } of counts.slice(0, SHOWN)) console.log(`${String(count).padStart(8)}  ${word}`);
    const rest = counts.length - SHOWN;
    if (rest > 0) console.log(`          and ${rest} more words`);
    return true;
  },
};
