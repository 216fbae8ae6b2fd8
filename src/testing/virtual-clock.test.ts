import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from './virtual-clock.ts';

test('timers run in the order of their times, then of their setting, each at its own time', () => {
  const clock = new VirtualClock(1000);
  const seen: string[] = [];
  const set = (name: string, delayMs: number): void => {
    clock.setTimer(delayMs, () => seen.push(`${name}@${clock.currentTimeMs()}`));
  };
  set('c', 30);
  set('a', 10);
  set('b', 10);
  clock.advanceBy(29);
  assert.deepEqual(seen, ['a@1010', 'b@1010']);
  assert.equal(clock.currentTimeMs(), 1029);
  assert.equal(clock.monotonicMs(), 29);
  clock.advanceTo(1030);
  assert.deepEqual(seen, ['a@1010', 'b@1010', 'c@1030']);
});

test('a timer set by a timer runs if it falls due, and a cancelled one does not', () => {
  const clock = new VirtualClock();
  const seen: number[] = [];
  const cancelled = clock.setTimer(5, () => seen.push(-1));
  const tick = (): void => {
    seen.push(clock.monotonicMs());
    clock.setTimer(10, tick);
  };
  clock.setTimer(10, tick);
  cancelled.cancel();
  clock.advanceBy(35);
  assert.deepEqual(seen, [10, 20, 30]);
  assert.equal(clock.pendingTimers, 1);
  assert.equal(clock.nextTimerMs, 40);
});

test('yielded callbacks run before the next timer', () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  clock.setTimer(1, () => {
    seen.push('timer 1');
    clock.yieldThen(() => seen.push('yielded'));
  });
  clock.setTimer(1, () => seen.push('timer 2'));
  clock.advanceBy(1);
  assert.deepEqual(seen, ['timer 1', 'yielded', 'timer 2']);
});

test('with advanceByAsync code behind an await goes on between two timers', async () => {
  const clock = new VirtualClock();
  const seen: number[] = [];
  const loop = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await new Promise<void>((resolve) => clock.setTimer(10, resolve));
      seen.push(clock.monotonicMs());
    }
  };
  const done = loop();
  await clock.advanceByAsync(100);
  await done;
  assert.deepEqual(seen, [10, 20, 30]);
});
