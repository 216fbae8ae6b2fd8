import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MillraceError, type Random, seededRandom } from '../../common/index.ts';
import type { RestartStrategySettings } from '../../protocol/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { createRestartStrategy, type RestartStrategy } from './restart-strategies.ts';

const middle: Random = { next: () => 0.5 };

function create(settings: RestartStrategySettings, random = middle): { strategy: RestartStrategy; clock: VirtualClock } {
  const clock = new VirtualClock();
  return { strategy: createRestartStrategy(settings, { clock, random }), clock };
}

const failure = new Error('broken');

const exponential = {
  type: 'exponential-delay',
  initialBackoffMs: 1000,
  maxBackoffMs: 5000,
  backoffMultiplier: 2,
  resetBackoffThresholdMs: 60_000,
  jitterFactor: 0.1,
} as const;

describe('restart strategies', () => {
  it('none: the first failure is the last', () => {
    const { strategy } = create({ type: 'none' });
    strategy.notifyFailure(failure);
    assert.equal(strategy.canRestart(), false);
    assert.match(strategy.reason(), /no restart strategy/);
  });

  it('fixed delay: restarts as often as allowed, after the same wait', () => {
    const { strategy } = create({ type: 'fixed-delay', attempts: 2, delayMs: 300 });
    for (let i = 0; i < 2; i++) {
      strategy.notifyFailure(failure);
      assert.equal(strategy.canRestart(), true);
      assert.equal(strategy.delayMs(), 300);
    }
    strategy.notifyFailure(failure);
    assert.equal(strategy.canRestart(), false);
    assert.equal(strategy.reason(), 'it was restarted 2 times already');
  });

  it('an error that no attempt can help never restarts', () => {
    const { strategy } = create({ type: 'fixed-delay', attempts: 100, delayMs: 0 });
    strategy.notifyFailure(new MillraceError('INVALID_PROGRAM', 'wrong'));
    assert.equal(strategy.canRestart(), false);
    strategy.notifyFailure(new MillraceError('SOURCE_FAILED', 'gone'));
    assert.equal(strategy.canRestart(), true);
    strategy.notifyFailure(new MillraceError('STATE_FAILED', 'does not fit', { recoverable: false }));
    assert.equal(strategy.canRestart(), false);
    assert.equal(strategy.reason(), 'another attempt would fail in the same way');
  });

  it('exponential delay: waits grow up to the longest, and begin anew after a quiet time', () => {
    const { strategy, clock } = create(exponential);
    const delays: number[] = [];
    const failAfter = (runningMs: number): void => {
      clock.advanceBy(runningMs);
      strategy.notifyFailure(failure);
      assert.equal(strategy.canRestart(), true);
      delays.push(strategy.delayMs());
      clock.advanceBy(strategy.delayMs());
    };
    for (let i = 0; i < 5; i++) failAfter(10);
    failAfter(59_999);
    failAfter(60_000);
    failAfter(10);
    assert.deepEqual(delays, [1000, 2000, 4000, 5000, 5000, 5000, 1000, 2000]);
  });

  it('exponential delay: failures before the restart belong to the same attempt', () => {
    const { strategy, clock } = create({ ...exponential, attemptsBeforeReset: 1 });
    strategy.notifyFailure(failure);
    clock.advanceBy(400);
    strategy.notifyFailure(failure);
    assert.equal(strategy.canRestart(), true);
    assert.equal(strategy.delayMs(), 600);
    clock.advanceBy(700);
    strategy.notifyFailure(failure);
    assert.equal(strategy.canRestart(), false);
    assert.equal(strategy.reason(), 'it was restarted once already');
  });

  it('exponential delay: chance makes the wait longer or shorter within its share, never longer than the longest', () => {
    const random = seededRandom(7);
    const seen: number[] = [];
    for (let i = 0; i < 200; i++) {
      const { strategy, clock } = create(exponential, random);
      strategy.notifyFailure(failure);
      seen.push(strategy.delayMs());
      for (let j = 0; j < 5; j++) {
        clock.advanceBy(strategy.delayMs());
        strategy.notifyFailure(failure);
        assert.ok(strategy.delayMs() <= 5000);
      }
    }
    assert.ok(Math.min(...seen) >= 900 && Math.max(...seen) <= 1100);
    assert.ok(Math.min(...seen) < 920 && Math.max(...seen) > 1080);
  });

  it('failure rate: gives up when an interval has more failures than allowed', () => {
    const { strategy, clock } = create({
      type: 'failure-rate',
      maxFailuresPerInterval: 2,
      failureRateIntervalMs: 1000,
      delayMs: 50,
    });
    const failAt = (timeMs: number): boolean => {
      clock.advanceTo(timeMs);
      strategy.notifyFailure(failure);
      return strategy.canRestart();
    };
    assert.deepEqual([0, 600, 1000, 1700].map(failAt), [true, true, true, true]);
    assert.equal(strategy.delayMs(), 50);
    assert.equal(failAt(1900), false);
    assert.equal(strategy.reason(), 'it failed 3 times within 1000 ms');
  });
});
