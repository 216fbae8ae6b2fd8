import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StateTtlConfig } from './index.ts';

test('the defaults are Flink’s', () => {
  assert.deepEqual(
    { ...StateTtlConfig.newBuilder(5).build() },
    { ttlMs: 5, updateType: 'OnCreateAndWrite', stateVisibility: 'NeverReturnExpired', incrementalCleanupSize: 5 },
  );
});

test('each option is kept', () => {
  const config = StateTtlConfig.newBuilder(5)
    .updateTtlOnReadAndWrite()
    .returnExpiredIfNotCleanedUp()
    .cleanupIncrementally(9)
    .build();
  assert.deepEqual(
    { ...config },
    { ttlMs: 5, updateType: 'OnReadAndWrite', stateVisibility: 'ReturnExpiredIfNotCleanedUp', incrementalCleanupSize: 9 },
  );
  const back = StateTtlConfig.newBuilder(5)
    .updateTtlOnReadAndWrite()
    .updateTtlOnCreateAndWrite()
    .returnExpiredIfNotCleanedUp()
    .neverReturnExpired()
    .disableCleanupInBackground()
    .build();
  assert.deepEqual(
    { ...back },
    { ttlMs: 5, updateType: 'OnCreateAndWrite', stateVisibility: 'NeverReturnExpired', incrementalCleanupSize: 0 },
  );
});

test('impossible values are refused', () => {
  for (const ttl of [0, -1, Number.NaN]) assert.throws(() => StateTtlConfig.newBuilder(ttl), { code: 'INVALID_OPTION' });
  for (const size of [0, 1.5])
    assert.throws(() => StateTtlConfig.newBuilder(1).cleanupIncrementally(size), { code: 'INVALID_OPTION' });
});
