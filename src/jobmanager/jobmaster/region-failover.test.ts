import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../common/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { createRestartStrategy } from '../failover/restart-strategies.ts';
import { RegionFailover } from './region-failover.ts';

function failover(attempts: number) {
  const clock = new VirtualClock();
  const log: string[] = [];
  let canceled = Promise.withResolvers<void>();
  let deployed = Promise.withResolvers<boolean>();
  const regions = new RegionFailover(2, {
    clock,
    logger: silentLogger,
    strategy: createRestartStrategy({ type: 'fixed-delay', attempts, delayMs: 100 }, { clock, random: { next: () => 0.5 } }),
    cancelRegion: (region) => {
      log.push(`cancel ${region}`);
      return canceled.promise;
    },
    deployRegion: (region) => {
      log.push(`deploy ${region}`);
      return deployed.promise;
    },
    onRestarting: (error) => void log.push(`restarting: ${error.message}`),
    onRunning: (region) => void log.push(`running ${region}`),
    giveUp: (error) => void log.push(`give up: ${error.message}`),
  });
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  return {
    clock,
    regions,
    take: () => log.splice(0),
    start: async () => {
      regions.start(() => Promise.resolve(true));
      await settle();
      log.length = 0;
    },
    cancelDone: async () => {
      canceled.resolve();
      canceled = Promise.withResolvers();
      await settle();
    },
    deployDone: async (runs = true) => {
      deployed.resolve(runs);
      deployed = Promise.withResolvers();
      await settle();
    },
    wait: async (ms: number) => {
      clock.advanceBy(ms);
      await settle();
    },
  };
}

test('a failed region alone is canceled, and deployed again after the delay', async () => {
  const { regions, start, take, cancelDone, deployDone, wait } = failover(1);
  await start();
  regions.handleFailure([1], new Error('boom'));
  assert.deepEqual(take(), ['restarting: boom', 'cancel 1']);
  await cancelDone();
  await wait(99);
  assert.deepEqual(take(), []);
  await wait(1);
  assert.deepEqual(take(), ['deploy 1']);
  assert.ok(regions.isRestarting);
  await deployDone();
  assert.deepEqual(take(), ['running 1']);
  assert.ok(!regions.isRestarting);
});

test('an incident that hits several regions counts once', async () => {
  const { regions, start, take } = failover(1);
  await start();
  regions.handleFailure([0, 1], new Error('boom'));
  assert.deepEqual(take(), ['restarting: boom', 'cancel 0', 'cancel 1']);
});

test('what fails while its region is canceled is part of the same incident', async () => {
  const { regions, start, take, cancelDone } = failover(1);
  await start();
  regions.handleFailure([0], new Error('first'));
  regions.handleFailure([0], new Error('consequence'));
  await cancelDone();
  regions.handleFailure([0], new Error('late consequence'));
  assert.deepEqual(take(), ['restarting: first', 'cancel 0']);
});

test('what fails while its region is deployed is another incident', async () => {
  const { regions, start, take, cancelDone, deployDone, wait } = failover(2);
  await start();
  regions.handleFailure([0], new Error('first'));
  await cancelDone();
  await wait(100);
  regions.handleFailure([0], new Error('second'));
  await deployDone(false);
  assert.deepEqual(take(), ['restarting: first', 'cancel 0', 'deploy 0', 'restarting: second', 'cancel 0']);
});

test('without a restart left the job is given up', async () => {
  const { regions, start, take } = failover(0);
  await start();
  regions.handleFailure([0], new Error('boom'));
  assert.deepEqual(take(), ['give up: boom']);
});

test('nothing is deployed after the job was stopped', async () => {
  const { regions, start, take, cancelDone, wait } = failover(1);
  await start();
  regions.handleFailure([0], new Error('boom'));
  await cancelDone();
  regions.close();
  await wait(1_000);
  assert.deepEqual(take(), ['restarting: boom', 'cancel 0']);
});
