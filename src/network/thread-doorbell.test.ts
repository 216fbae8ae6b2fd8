import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDoorbell, RemoteBell, ThreadDoorbell } from './thread-doorbell.ts';

/** A thread with one end that looks at a flag, and counts how often it looks and how often it was woken. */
function thread() {
  const buffer = createDoorbell();
  const doorbell = new ThreadDoorbell(buffer);
  const state = { data: false, looks: 0, wakes: 0 };
  let woken = (): void => {};
  const unregister = doorbell.register({
    checkNow() {
      state.looks++;
      if (!state.data) return;
      state.data = false;
      state.wakes++;
      doorbell.awake();
      woken();
    },
  });
  const nextWake = (): Promise<void> => new Promise((resolve) => (woken = resolve));
  return { doorbell, bell: new RemoteBell(buffer), state, nextWake, unregister };
}

test('a thread that is rung while it sleeps looks at its ends', async () => {
  const { doorbell, bell, state, nextWake } = thread();
  doorbell.sleep();
  const wake = nextWake();
  state.data = true;
  bell.ring();
  await wake;
  assert.equal(state.wakes, 1);
});

test('what came before it fell asleep is seen at once', () => {
  const { doorbell, bell, state } = thread();
  state.data = true;
  bell.ring();
  doorbell.sleep();
  assert.equal(state.wakes, 1);
});

test('a thread that was rung for nothing sleeps on and can be rung again', async () => {
  const { doorbell, bell, state, nextWake } = thread();
  doorbell.sleep();
  for (let i = 0; i < 3; i++) {
    const looks = state.looks;
    bell.ring();
    while (state.looks === looks) await new Promise(setImmediate);
  }
  const wake = nextWake();
  state.data = true;
  bell.ring();
  await wake;
  assert.equal(state.wakes, 1);
});

test('a thread that others woke is rung in its next sleep as well, and waits only once', async () => {
  const { doorbell, bell, state, nextWake } = thread();
  for (let i = 0; i < 1000; i++) {
    doorbell.sleep();
    doorbell.awake();
  }
  const looks = state.looks;
  bell.ring();
  await new Promise(setImmediate);
  assert.equal(state.looks, looks, 'nobody rings a thread that is awake');
  doorbell.sleep();
  const wake = nextWake();
  state.data = true;
  bell.ring();
  await wake;
  assert.equal(state.wakes, 1);
  assert.equal(state.looks, looks + 2, 'one look when it fell asleep, one when it was rung');
});

test('a ring that arrives after others woke the thread is not lost for the sleep after it', async () => {
  const { doorbell, bell, state, nextWake } = thread();
  doorbell.sleep();
  bell.ring();
  doorbell.awake();
  doorbell.sleep();
  const wake = nextWake();
  state.data = true;
  bell.ring();
  await wake;
  assert.equal(state.wakes, 1);
});

test('an end that was taken away is not asked', () => {
  const { doorbell, state, unregister } = thread();
  unregister();
  doorbell.checkNow();
  assert.equal(state.looks, 0);
});
