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
});

describe('an exchange between threads', { concurrency: 3 }, () => {
  test('distributes by key also to operators that are not keyed, by the key of each of the united streams', async () => {
    const { stdout, stderr } = await node(folder, 'keyed-and-stateless.ts');
    assert.equal(stderr, '');
    assert.equal(stdout, '1000 12 true 2\n');
  });
});
