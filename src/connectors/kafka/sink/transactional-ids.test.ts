import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../common/index.ts';
import { newWriterName, parseTransactionalId, transactionalIdOf } from './transactional-ids.ts';

test('a name tells the subtask and the writer', () => {
  const writer = newWriterName(12, seededRandom(1));
  assert.match(writer, /^12-[0-9a-z]{8}$/);
  assert.deepEqual(parseTransactionalId('my-job', transactionalIdOf('my-job', writer, 3)), { subtaskIndex: 12, writer });
});

test('two writers of one subtask have different names', () => {
  const random = seededRandom(1);
  assert.notEqual(newWriterName(0, random), newWriterName(0, random));
});

test('names of others are not taken for our own, even if their prefix begins with ours', () => {
  const writer = newWriterName(0, seededRandom(1));
  for (const id of [transactionalIdOf('job-2', writer, 0), `job${writer}-0`, 'job-0-1', `job-${writer}`, `other-${writer}-0`]) {
    assert.equal(parseTransactionalId('job', id), undefined, id);
  }
});
