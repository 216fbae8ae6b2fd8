import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WatermarkMultiplexer } from './watermark-multiplexer.ts';
import type { WatermarkGenerator } from './watermark-strategy.ts';

const none: WatermarkGenerator<unknown> = { onEvent: () => {}, onPeriodicEmit: () => {} };

function multiplexer(isRestored = false) {
  const out: (number | string)[] = [];
  const made = new WatermarkMultiplexer<unknown>(
    {
      emitWatermark: (t) => void out.push(t),
      emitIdle: (idle) => void out.push(idle ? 'idle' : 'active'),
    },
    isRestored,
  );
  return { made, take: () => out.splice(0) };
}

test('the slowest split decides', () => {
  const { made, take } = multiplexer();
  const a = made.add('a', none);
  const b = made.add('b', none);
  a.emitWatermark(10);
  assert.deepEqual(take(), []);
  b.emitWatermark(4);
  b.emitWatermark(20);
  assert.deepEqual(take(), [4, 10]);
});

test('an idle split holds nothing back, and a later watermark makes it active', () => {
  const { made, take } = multiplexer();
  const a = made.add('a', none);
  const b = made.add('b', none);
  a.emitWatermark(10);
  b.markIdle();
  assert.deepEqual(take(), [10]);
  b.emitWatermark(3);
  a.emitWatermark(20);
  assert.deepEqual(take(), []);
  b.emitWatermark(15);
  assert.deepEqual(take(), [15]);
});

test('repeating the same watermark does not wake an idle split', () => {
  const { made, take } = multiplexer();
  const a = made.add('a', none);
  a.emitWatermark(10);
  a.markIdle();
  a.emitWatermark(10);
  assert.deepEqual(take(), [10, 'idle']);
  a.markActive();
  assert.deepEqual(take(), ['active']);
});

test('a split that ended holds nothing back', () => {
  const { made, take } = multiplexer();
  const a = made.add('a', none);
  made.add('b', none);
  a.emitWatermark(10);
  made.remove('b');
  assert.deepEqual(take(), [10]);
});

test('when the last split ends, the watermark stays where it was', () => {
  const { made, take } = multiplexer();
  made.add('a', none).emitWatermark(10);
  made.remove('a');
  assert.deepEqual(take(), [10]);
  made.add('b', none).emitWatermark(5);
  assert.deepEqual(take(), []);
});

test('after a restore, what is said first is whether it is idle', () => {
  const { made, take } = multiplexer(true);
  made.announce();
  assert.deepEqual(take(), [], 'nothing is known without splits');
  made.add('a', none).emitWatermark(10);
  assert.deepEqual(take(), ['active', 10]);
  const again = multiplexer(true);
  again.made.add('a', none).idle = true;
  again.made.announce();
  assert.deepEqual(again.take(), ['idle']);
});

test('a watermark that is no number is refused, not taken for the end of time', () => {
  const { made, take } = multiplexer();
  const a = made.add('a', none);
  for (const wrong of [Number.NaN, undefined, null, 5n, new Date(5)]) {
    assert.throws(() => a.emitWatermark(wrong as number), { code: 'INVALID_PROGRAM', message: /watermark generator emitted/ });
  }
  a.emitWatermark(3);
  assert.deepEqual(take(), [3]);
});
