/** `npm run example` lists the examples, `npm run example NAME [-- ARGUMENTS]` runs one. */
import process from 'node:process';
import { exactlyOnce } from './exactly-once/exactly-once.ts';
import type { Example } from './example.ts';
import { flights } from './flights/flights.ts';
import { socketWordCount } from './word-count/socket-word-count.ts';
import { wordCount } from './word-count/word-count.ts';

const EXAMPLES: readonly Example[] = [wordCount, socketWordCount, flights, exactlyOnce];

const [name, ...args] = process.argv.slice(2);
const example = EXAMPLES.find((candidate) => candidate.name === name);
const words = example?.usage.split(' ').filter((word) => word !== '') ?? [];
const needed = words.filter((word) => !word.startsWith('['));

if (name === undefined) {
  const width = Math.max(...EXAMPLES.map((one) => call(one).length));
  console.log('Examples, run by npm run example -- NAME ARGUMENTS (and npm run demo for the largest):\n');
  for (const one of EXAMPLES) console.log(`  ${call(one).padEnd(width)}  ${one.description}`);
} else if (example === undefined) {
  console.error(`There is no example '${name}'. Known: ${EXAMPLES.map((one) => one.name).join(', ')}.`);
  process.exitCode = 1;
} else if (args.length < needed.length || args.length > words.length) {
  console.error(`Usage: npm run example -- ${call(example)}`);
  process.exitCode = 1;
} else if (!(await example.run(args))) {
  process.exitCode = 1;
}

function call({ name, usage }: Example): string {
  return `${name} ${usage}`.trimEnd();
}
