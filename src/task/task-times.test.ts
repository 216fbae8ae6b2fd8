import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetricRegistry } from '../metrics/index.ts';
import { VirtualClock } from '../testing/index.ts';
import { TaskTimes } from './task-times.ts';

test('time is charged to the condition that the task was in, and the three sum to what went by', () => {
  const clock = new VirtualClock();
  const times = new TaskTimes(clock);
  const registry = new MetricRegistry(clock);
  times.register(registry.group('task'));
  times.become('BUSY');
  clock.advanceBy(300);
  times.become('BACKPRESSURED');
  clock.advanceBy(500);
  times.become('IDLE');
  clock.advanceBy(200);
  assert.deepEqual(
    (['BUSY', 'BACKPRESSURED', 'IDLE'] as const).map((c) => times.total(c)),
    [300, 500, 200],
  );
  registry.sampleMeters();
  const metrics = registry.snapshot();
  const perSecond = ['busy', 'backPressured', 'idle'].map((name) => metrics[`task.${name}TimeMsPerSecond`] as number);
  assert.deepEqual(perSecond, [300, 500, 200]);
  assert.equal(metrics['task.accumulateBusyTimeMs'], 300);
});
