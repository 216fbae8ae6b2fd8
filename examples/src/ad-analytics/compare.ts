/** What the job wrote, against the recount. */
import { join } from 'node:path';
import { partLines } from '../part-files.ts';
import { countKey, type Recount } from './recount.ts';

/** Reads the part files of the three sinks. @throws Error if a window was written twice */
export function readResults(outputPath: string): Recount {
  const counts = new Map<string, number>();
  for (const line of partLines(join(outputPath, 'counts'), 'header')) {
    const [campaign = '', windowStart, views] = line.split(',');
    const key = countKey(campaign, Number(windowStart));
    if (counts.has(key)) throw new Error(`there are two counts for ${key}`);
    counts.set(key, Number(views));
  }
  return {
    counts,
    malformed: partLines(join(outputPath, 'malformed'), 'no header').length,
    lateViews: partLines(join(outputPath, 'late'), 'no header').length,
  };
}

/** One line for each difference; none if all is equal. */
export function compareCounts(results: Recount, expected: Recount): string[] {
  const differences: string[] = [];
  const compare = (what: string, found: number | undefined, wanted: number | undefined): void => {
    if (found !== wanted) differences.push(`${what}: ${found ?? 'no count'}, but should be ${wanted ?? 'absent'}`);
  };
  compare('malformed lines', results.malformed, expected.malformed);
  compare('late views', results.lateViews, expected.lateViews);
  for (const [key, views] of expected.counts) compare(key, results.counts.get(key), views);
  for (const [key, views] of results.counts) if (!expected.counts.has(key)) compare(key, views, undefined);
  return differences;
}
