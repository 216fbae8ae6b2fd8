/**
 * The test reporter of `npm run verify`: node's own, with two differences.
 *
 * A test that was skipped or left to do fails the run, so that nothing is green because it did not run. And coverage is one
 * line per folder instead of one per file, printed before the summary, which stays the last thing that one reads.
 */
import { relative, sep } from 'node:path';
import type { Transform } from 'node:stream';
import type { TestEvent } from 'node:test/reporters';
import { spec } from 'node:test/reporters';

type Coverage = Extract<TestEvent, { type: 'test:coverage' }>['data']['summary'];

/** Coverage by folder, two levels deep (`src/task`), and in total. */
export function coverageTable(summary: Coverage): string {
  const folders = new Map<string, { lines: number; covered: number; branches: number; coveredBranches: number }>();
  for (const file of summary.files) {
    const parts = relative(summary.workingDirectory, file.path).split(sep);
    for (const name of [parts.slice(0, Math.min(2, parts.length - 1)).join('/'), 'all']) {
      const sum = folders.get(name) ?? { lines: 0, covered: 0, branches: 0, coveredBranches: 0 };
      sum.lines += file.totalLineCount;
      sum.covered += file.coveredLineCount;
      sum.branches += file.totalBranchCount;
      sum.coveredBranches += file.coveredBranchCount;
      folders.set(name, sum);
    }
  }
  const percent = (part: number, whole: number): string => (whole === 0 ? 100 : (100 * part) / whole).toFixed(1).padStart(7);
  const rank = (name: string): string => (name === 'all' ? '~' : name);
  const rows = [...folders]
    .sort(([a], [b]) => (rank(a) < rank(b) ? -1 : 1))
    .map(([name, sum]) => `${name.padEnd(24)}${percent(sum.covered, sum.lines)}${percent(sum.coveredBranches, sum.branches)}`);
  return ['coverage %                lines branches', ...rows, ''].join('\n');
}

export default async function* strictReporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const reporter: Transform = new spec();
  const written: string[] = [];
  reporter.on('data', (chunk: unknown) => written.push(String(chunk)));
  const summary: TestEvent[] = [];
  let left = 0;
  for await (const event of events) {
    if (
      (event.type === 'test:pass' || event.type === 'test:fail') &&
      (event.data.skip !== undefined || event.data.todo !== undefined)
    )
      left++;
    if (event.type === 'test:coverage') written.push(`\n${coverageTable(event.data.summary)}`);
    else if (event.type === 'test:diagnostic' && event.data.nesting === 0 && event.data.file === undefined) summary.push(event);
    else reporter.write(event);
    if (written.length > 0) yield written.splice(0).join('');
  }
  for (const event of summary) reporter.write(event);
  await new Promise<void>((resolve) => reporter.end(resolve));
  yield written.splice(0).join('');
  if (left > 0) {
    process.exitCode = 1;
    yield `\n✖ ${left} tests were skipped or left to do: every test runs here\n`;
  }
}
