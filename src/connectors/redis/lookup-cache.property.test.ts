import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { VirtualClock } from '../../testing/index.ts';
import { LookupCache } from './lookup-cache.ts';

const step = fc.oneof(
  fc.record({ do: fc.constant('put' as const), key: fc.nat(5), value: fc.option(fc.nat(9), { nil: undefined }) }),
  fc.record({ do: fc.constant('get' as const), key: fc.nat(5) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.nat(60) }),
);

test('a lookup cache answers like a list that is searched from its end', () => {
  const options = fc.record({
    maxRows: fc.integer({ min: 1, max: 4 }),
    expireAfterWriteMs: fc.constant(100),
    cacheMissingKey: fc.boolean(),
  });
  fc.assert(
    fc.property(options, fc.array(step, { maxLength: 60 }), (settings, steps) => {
      const clock = new VirtualClock();
      const cache = new LookupCache<number>(settings, clock);
      /** The most recently used is the last one. */
      let list: { key: string; value: number | undefined; writtenMs: number }[] = [];
      for (const s of steps) {
        if (s.do === 'wait') {
          clock.advanceBy(s.ms);
          continue;
        }
        const key = `k${s.key}`;
        const found = list.find((entry) => entry.key === key);
        list = list.filter((entry) => entry !== found);
        if (s.do === 'put') {
          cache.put(key, s.value);
          if (s.value === undefined && !settings.cacheMissingKey) continue;
          list.push({ key, value: s.value, writtenMs: clock.monotonicMs() });
          list = list.slice(-settings.maxRows);
        } else {
          const fresh =
            found !== undefined && clock.monotonicMs() - found.writtenMs < settings.expireAfterWriteMs ? found : undefined;
          if (fresh !== undefined) list.push(fresh);
          const answer = cache.get(key);
          assert.equal(answer === undefined, fresh === undefined);
          assert.equal(answer?.value, fresh?.value);
        }
        assert.ok(cache.size <= settings.maxRows);
      }
    }),
  );
});
