import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError, serializeError, toError } from './errors.ts';

test('an error keeps its code, context, causes and stack across a boundary', () => {
  const cause = new MillraceError('CORRUPT_DATA', 'inner', { context: { offset: 7 } });
  const error = new MillraceError('JOB_FAILED', 'outer', { cause, context: { job: 'j' }, recoverable: false });
  const copy = MillraceError.fromJSON(JSON.parse(JSON.stringify(error))) as MillraceError;
  assert.ok(copy instanceof MillraceError);
  assert.deepEqual([copy.code, copy.message, copy.context, copy.recoverable], ['JOB_FAILED', 'outer', { job: 'j' }, false]);
  assert.equal(copy.stack, error.stack);
  assert.deepEqual([(copy.cause as MillraceError).code, (copy.cause as MillraceError).context], ['CORRUPT_DATA', { offset: 7 }]);
});

test('an error of another class keeps its name and message', () => {
  const copy = MillraceError.fromJSON(serializeError(new RangeError('too far')));
  assert.deepEqual([copy.name, copy.message], ['RangeError', 'too far']);
  assert.ok(!(copy instanceof MillraceError));
});

test('a cycle of causes ends', () => {
  const error = new Error('loop');
  error.cause = error;
  assert.match(JSON.stringify(serializeError(error)), /loop/);
});

test('what was thrown and is not an error becomes one', () => {
  assert.match(toError('text').message, /text/);
});

test('mistakes of the program are not recoverable, failures of the outside are', () => {
  assert.equal(new MillraceError('INVALID_PROGRAM', '').recoverable, false);
  assert.equal(new MillraceError('SOURCE_FAILED', '').recoverable, true);
});
