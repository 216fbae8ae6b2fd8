/** `npm run example` lists the examples, `npm run example NAME [-- ARGUMENTS]` runs one. */
import process from 'node:process';
import type { Example } from './example.ts';
import { flights } from './flights/flights.ts';
import { socketWordCount } from './word-count/socket-word-count.ts';
import { wordCount } from './word-count/word-count.ts';

const EXAMPLES: readonly Example[] = [wordCount, socketWordCount, flights];

const [name, ...args] = process.argv.slice(2);
const example = EXAMPLES.find((candidate) => candidate.name === name);
const needed = example?.usage.split(' ').filter((word) => word !== '').length ?? 0;

if (name === undefined) {
  const width = Math.max(...EXAMPLES.map((known) => call(known).length));
  console.log('Examples, run by npm run example -- NAME ARGUMENTS (and npm run demo for the largest):\n');
  for (const known of EXAMPLES) console.log(`  ${call(known).padEnd(width)}  ${known.description}`);
} else if (example === undefined) {
  console.error(`There is no example '${name}'. Known: ${EXAMPLES.map((known) => known.name).join(', ')}.`);
  process.exitCode = 1;
} else if (args.length !== needed) {
  console.error(`Usage: npm run example -- ${call(example)}`);
  process.exitCode = 1;
} else if (!(await example.run(args))) {
  process.exitCode = 1;
}

function call({ name, usage }: Example): string {
  return `${name} ${usage}`.trimEnd();
}
