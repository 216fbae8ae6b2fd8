import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../testing/index.ts';
import { Histogram, MetricRegistry } from './index.ts';

test('a name is registered once in a group, and asking again gives the same metric', () => {
  const group = new MetricRegistry(new VirtualClock()).group('job', 'task');
  group.counter('n').inc(2);
  group.counter('n').inc();
  assert.equal(group.counter('n').getCount(), 3);
  assert.throws(() => group.histogram('n'), { code: 'INVALID_OPTION', message: /'job\.task\.n' is registered already/ });
  assert.throws(() => group.counter(''), { code: 'INVALID_OPTION' });
});

test('a snapshot has every metric under its full name', () => {
  const registry = new MetricRegistry(new VirtualClock());
  const group = registry.group('job').addGroup('task');
  group.counter('records').inc(5);
  group.counterOf('bytes', () => 7);
  group.gauge('watermark', () => 42);
  assert.deepEqual(registry.snapshot(), { 'job.task.records': 5, 'job.task.bytes': 7, 'job.task.watermark': 42 });
});

test('a meter is the rate over the last minute', () => {
  const clock = new VirtualClock();
  const registry = new MetricRegistry(clock);
  let count = 0;
  const meter = registry.group('g').meter('perSecond', () => count);
  assert.equal(meter.getRate(), 0);
  for (let second = 1; second <= 120; second++) {
    clock.advanceBy(1000);
    count += second <= 60 ? 1000 : 10;
    registry.sampleMeters();
  }
  assert.equal(Math.round(meter.getRate()), 10);
});

test('a histogram knows its quantiles, over the last values only', () => {
  const histogram = new Histogram(100);
  for (let i = 1; i <= 1000; i++) histogram.update(i);
  const s = histogram.getStatistics();
  assert.deepEqual([s.count, s.min, s.max, s.mean, s.quantile(0.5), s.quantile(1)], [100, 901, 1000, 950.5, 950, 1000]);
  assert.equal(histogram.getCount(), 1000);
  assert.equal(new Histogram().getStatistics().mean, 0);
});
