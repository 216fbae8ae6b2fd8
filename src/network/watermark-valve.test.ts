import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WatermarkValve } from './watermark-valve.ts';

function valve(channels: number): { valve: WatermarkValve; take: () => (number | string)[] } {
  const out: (number | string)[] = [];
  const made = new WatermarkValve(channels, {
    emitWatermark: (t) => void out.push(t),
    emitIdle: (idle) => void out.push(idle ? 'idle' : 'active'),
  });
  return { valve: made, take: () => out.splice(0) };
}

test('the combined watermark is the minimum of all channels', () => {
  const { valve: v, take } = valve(2);
  v.watermark(0, 10);
  assert.deepEqual(take(), []);
  v.watermark(1, 5);
  assert.deepEqual(take(), [5]);
  v.watermark(1, 20);
  assert.deepEqual(take(), [10]);
});

test('a watermark that does not grow is dropped', () => {
  const { valve: v, take } = valve(1);
  v.watermark(0, 10);
  v.watermark(0, 10);
  v.watermark(0, 3);
  assert.deepEqual(take(), [10]);
});

test('an idle channel holds nothing back', () => {
  const { valve: v, take } = valve(2);
  v.watermark(0, 10);
  v.status(1, true);
  assert.deepEqual(take(), [10]);
});

test('when the last active channel goes idle the highest watermark is flushed, then the output is idle', () => {
  const { valve: v, take } = valve(2);
  v.watermark(0, 10);
  v.watermark(1, 30);
  assert.deepEqual(take(), [10]);
  v.status(1, true);
  v.status(0, true);
  assert.deepEqual(take(), [30, 'idle']);
  v.status(0, false);
  assert.deepEqual(take(), ['active']);
});

test('a channel that comes back behind time does not hold it back until it has caught up', () => {
  const { valve: v, take } = valve(2);
  v.status(1, true);
  v.watermark(0, 10);
  v.status(1, false);
  v.watermark(1, 4);
  v.watermark(0, 20);
  assert.deepEqual(take(), [10, 20]);
  v.watermark(1, 25);
  v.watermark(0, 40);
  assert.deepEqual(take(), [25]);
});

test('a channel that has ended counts no more', () => {
  const { valve: v, take } = valve(2);
  v.watermark(0, 10);
  v.end(1);
  assert.deepEqual(take(), [10]);
  v.watermark(0, 11);
  assert.deepEqual(take(), [11]);
});

const move = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('WATERMARK' as const), channel: fc.nat(2), value: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('IDLE' as const), channel: fc.nat(2), value: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('END' as const), channel: fc.nat(2) }) },
);

test('one that is restored at any moment goes on as if nothing had been', () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), fc.nat(60), (moves, moment) => {
      const out: (number | string)[][] = [];
      for (const restoredAt of [moment, Number.POSITIVE_INFINITY]) {
        const own: (number | string)[] = [];
        const output = {
          emitWatermark: (t: number) => void own.push(t),
          emitIdle: (idle: boolean) => void own.push(idle ? 'idle' : 'active'),
        };
        let v = new WatermarkValve(3, output);
        for (const [i, m] of moves.entries()) {
          if (i === restoredAt) v = WatermarkValve.restore(structuredClone(v.state), output);
          if (m.kind === 'WATERMARK') v.watermark(m.channel, m.value);
          else if (m.kind === 'IDLE') v.status(m.channel, m.value);
          else v.end(m.channel);
        }
        out.push(own);
      }
      assert.deepEqual(out[0], out[1]);
    }),
  );
});

test('whatever the channels do, emitted watermarks only grow and never pass an active, aligned channel', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('watermark' as const), channel: fc.nat(2), value: fc.nat(50) }),
    fc.record({ kind: fc.constant('idle' as const), channel: fc.nat(2), value: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const out: number[] = [];
      const v = new WatermarkValve(3, { emitWatermark: (t) => void out.push(t), emitIdle: () => {} });
      const seen = [-Infinity, -Infinity, -Infinity];
      const everIdle = [false, false, false];
      const idle = [false, false, false];
      for (const s of steps) {
        if (s.kind === 'watermark') {
          if (!idle[s.channel]) seen[s.channel] = Math.max(seen[s.channel] as number, s.value);
          v.watermark(s.channel, s.value);
        } else {
          idle[s.channel] = s.value;
          everIdle[s.channel] ||= s.value;
          v.status(s.channel, s.value);
        }
        const last = out.at(-1) ?? -Infinity;
        for (const c of [0, 1, 2]) if (!everIdle[c]) assert.ok(last <= (seen[c] as number));
      }
      for (let i = 1; i < out.length; i++) assert.ok((out[i] as number) > (out[i - 1] as number));
    }),
  );
});
