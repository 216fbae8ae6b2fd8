import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userFrameOf } from './user-frame.ts';

test("the first frame that is neither the engine's nor the platform's is the user's", () => {
  const error = new Error('x');
  const engine = new URL('..', import.meta.url).href;
  error.stack = [
    'Error: x',
    `    at fail (${engine}task/operator-chain.ts:1:2)`,
    '    at input_0 (millrace://chain/3:12:5)',
    '    at Array.map (<anonymous>)',
    '    at process.processTicks (node:internal/process/task_queues:105:5)',
    '    at parse (file:///jobs/job.ts:12:9)',
    '    at file:///jobs/other.ts:1:1',
  ].join('\n');
  assert.equal(userFrameOf(error), 'parse (/jobs/job.ts:12:9)');
});

test('without a frame of the user there is none to name', () => {
  const error = new Error('x');
  error.stack = 'Error: x\n    at node:internal/main:1:1';
  assert.equal(userFrameOf(error), undefined);
  assert.equal(userFrameOf('not an error'), undefined);
});
