import assert from 'node:assert/strict';
import { test } from 'node:test';
import { START_POSITION } from '../../connector/index.ts';
import { ReadAhead } from './read-ahead.ts';

test('a read-ahead goes on whenever its chunks are taken', async () => {
  const chunks = 9;
  for (let pause = 0; pause < 20; pause++) {
    let left = chunks;
    const readAhead = new ReadAhead(
      async () => ({
        reader: { read: async () => (left-- > 0 ? 1 : 0), close: async () => {} },
        position: START_POSITION,
        rawBytesRead: () => 0,
      }),
      { chunkBytes: 64, chunks: 2 },
    );
    let taken = 0;
    let turnsWithout = 0;
    while (!readAhead.isDone) {
      for (let turn = 0; turn <= pause; turn++) await Promise.resolve();
      const before = taken;
      while (readAhead.take() !== undefined) taken++;
      turnsWithout = taken > before ? 0 : turnsWithout + 1;
      assert.ok(turnsWithout < 100, `nothing comes any more after ${taken} of ${chunks} chunks`);
    }
    assert.equal(taken, chunks);
    await readAhead.close();
  }
});
