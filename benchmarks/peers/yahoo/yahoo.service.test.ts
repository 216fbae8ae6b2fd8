import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTESTANTS } from '../contestants.ts';
import { runYahoo } from './yahoo.ts';

test('Millrace and the loop by hand count right, at full speed and at a fixed rate', async (t) => {
  const contestants = CONTESTANTS.filter(({ name }) => ['millrace', 'node'].includes(name));
  const outcomes = await runYahoo(contestants, {
    events: 20_000,
    spacingMs: 10,
    rounds: 1,
    rates: [2_000],
    slowSeconds: 3,
    warmupSeconds: 1,
    seconds: 11,
    heapMb: 1024,
    checkpointMs: 1000,
    log: (line) => t.diagnostic(line),
  });
  assert.deepEqual(
    outcomes.map(({ contestant }) => contestant),
    ['millrace', 'node'],
  );
  for (const { absence, failures, catchUp, latency } of outcomes) {
    assert.equal(absence, undefined);
    assert.deepEqual(failures, []);
    assert.deepEqual(
      [...catchUp, ...latency].map(({ fault }) => fault),
      [undefined, undefined],
    );
    assert.ok((catchUp[0]?.eventsPerSecond ?? 0) > 0);
    assert.ok((latency[0]?.windowMs.samples ?? 0) >= 100);
    assert.ok((latency[0]?.passedMs.samples ?? 0) > 0);
  }
});
