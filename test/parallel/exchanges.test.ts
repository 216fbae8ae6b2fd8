/** Ways between threads that a program can ask for, run as users run them, and compared with what must come out. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { node, programFolder } from '../cli/program-runner.ts';

const START = `import { StreamExecutionEnvironment } from 'millrace';
const env = StreamExecutionEnvironment.getExecutionEnvironment({ 'parallelism.default': 2 });
`;

const folder = programFolder({
  'keyed-and-stateless.ts': `${START}
const numbers = env.fromSequence(1, 1000);
const evens = numbers.filter((x) => x % 2 === 0).keyBy((x) => x % 10);
const odds = numbers.filter((x) => x % 2 === 1).keyBy((x) => 'odd ' + (x % 7));
const place = () => { let subtask = -1; return {
  open(context) { subtask = context.indexOfThisSubtask; },
  map(x) { return [x, subtask]; },
}; };
const pairs = await evens.union(odds).map(place()).executeAndCollect();
const subtasks = new Map();
for (const [x, subtask] of pairs) {
  const key = x % 2 === 0 ? x % 10 : 'odd ' + (x % 7);
  if (!subtasks.has(key)) subtasks.set(key, new Set());
  subtasks.get(key).add(subtask);
}
console.log(pairs.length, subtasks.size, [...subtasks.values()].every((s) => s.size === 1), new Set(pairs.map(([, s]) => s)).size);
`,
  'refused.ts': `${START}
class Point { x = 1; }
const values = {
  'a function': { f: { a: [1, { callback: () => 1 }] } },
  'a symbol': { m: new Map([['k', Symbol('x')]]) },
  'an instance': { points: [new Point()] },
  'a key': { key: undefined },
};
env.fromElements(process.argv[2])
  .map((name) => values[name])
  .broadcast()
  .map((v) => v)
  .keyBy((v) => v.key)
  .map((v) => v)
  .discard();
await env.execute();
`,
});

describe('an exchange between threads', { concurrency: 3 }, () => {
  test('distributes by key also to operators that are not keyed, by the key of each of the united streams', async () => {
    const { stdout, stderr } = await node(folder, 'keyed-and-stateless.ts');
    assert.equal(stderr, '');
    assert.equal(stdout, '1000 12 true 2\n');
  });

  for (const [what, message] of [
    [
      'a function',
      /Operator 'Map' failed: The value at \$\.f\.a\[1\]\.callback is the function callback, .*\n(.*\n)? {2}defined at .*refused\.ts:12:\d+/,
    ],
    [
      'a symbol',
      /Operator 'Map' failed: The value at \$\.m\.entries\[0\]\.value is a symbol, .*\n(.*\n)? {2}defined at .*refused\.ts:12:\d+/,
    ],
    [
      'an instance',
      /Operator 'Map' failed: The value at \$\.points\[0\] is an instance of Point, .*\n(.*\n)? {2}defined at .*refused\.ts:12:\d+/,
    ],
    ['a key', /Operator 'Map' failed: The key is undefined.*\n(.*\n)? {2}defined at .*refused\.ts:14:\d+/],
  ] as const) {
    test(`refuses ${what}, with its path, the operator that put it out and the line of that`, async () => {
      const { stderr, exitCode } = await node(folder, 'refused.ts', what);
      assert.match(stderr, message);
      assert.equal(exitCode, 1);
    });
  }
});
