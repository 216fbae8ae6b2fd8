/** What holds for timers on every state backend; `hashlog` has so little memory that it keeps most of them as state. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ValueStateDescriptor } from './index.ts';
import { popAll, type TimerSetup, TimerSubtasks, textOf } from './timer-subtasks.test.ts';

const COUNT = 300;

const SETUPS: Readonly<Record<string, TimerSetup>> = {
  hashmap: { backend: 'hashmap' },
  'hashlog with hardly any memory': { backend: 'hashlog' },
  'hashlog with memory for all': { backend: 'hashlog', memoryBytes: 16 * 1024 * 1024 },
};

async function filled(setup: TimerSetup): Promise<TimerSubtasks> {
  const subtasks = await TimerSubtasks.start(setup);
  for (let i = 0; i < COUNT; i++) subtasks.add(`key ${i % 70}`, i % 2 ? 'w' : '', (i * 37) % 100);
  return subtasks;
}

for (const [name, setup] of Object.entries(SETUPS)) {
  describe(`timers: ${name}`, () => {
    test('timers fire in the order of time, each once', async () => {
      const subtasks = await filled(setup);
      const [queue] = subtasks.queues;
      assert.ok(queue !== undefined);
      assert.equal(queue.size, COUNT);
      for (let i = 0; i < COUNT; i++) assert.equal(subtasks.add(`key ${i % 70}`, i % 2 ? 'w' : '', (i * 37) % 100), false);
      assert.equal(queue.size, COUNT);
      assert.equal(queue.peekTimestamp(), 0);
      assert.equal(queue.popUntil(-1), undefined);
      const times = popAll(queue, 49).map(({ timestamp }) => timestamp);
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      );
      assert.deepEqual([times.length, queue.size, queue.peekTimestamp()], [COUNT / 2, COUNT / 2, 50]);
      assert.equal(popAll(queue).length, COUNT / 2);
      assert.deepEqual([queue.size, queue.peekTimestamp(), queue.popUntil(Infinity)], [0, undefined, undefined]);
    });

    test('a deleted timer is gone, and only that one', async () => {
      const subtasks = await filled(setup);
      for (let i = 0; i < COUNT; i += 3) {
        const [key, namespace, time] = [`key ${i % 70}`, i % 2 ? 'w' : '', (i * 37) % 100] as const;
        assert.equal(subtasks.delete(key, namespace === '' ? 'w' : '', time), false);
        assert.equal(subtasks.delete(key, namespace, time), true);
        assert.equal(subtasks.delete(key, namespace, time), false);
      }
      assert.equal(subtasks.size, COUNT - COUNT / 3);
      assert.equal(subtasks.popAll().length, COUNT - COUNT / 3);
    });

    test('a timer that is registered while others fire has its turn in the same go, if it is due', async () => {
      const subtasks = await filled(setup);
      const [queue] = subtasks.queues;
      const fired: number[] = [];
      for (let timer = queue?.popUntil(60); timer; timer = queue?.popUntil(60)) {
        fired.push(timer.timestamp);
        if (timer.namespace === 'again') continue;
        subtasks.add(timer.key, 'again', timer.timestamp);
        subtasks.add(timer.key, 'again', timer.timestamp - 1);
        subtasks.add(timer.key, 'later', 61);
      }
      assert.equal(queue?.peekTimestamp(), 61);
      const first = 3 * 61;
      assert.ok(fired.length > 2 * first && fired.every((time) => time <= 60));
      assert.equal(new Set(fired).size, 62);
    });

    test('times of all kinds are in order, and what is not a number is refused', async () => {
      const subtasks = await TimerSubtasks.start(setup);
      const times = [Infinity, -Infinity, 0, -0.5, 0.5, 1e300, -1e300, 2 ** 53, 1.7e12, 1.7e12 + 0.25, 5e-324];
      for (const [i, time] of times.entries()) for (let key = 0; key < 5; key++) subtasks.add(key + 5 * i, '', time);
      for (const time of [Number.NaN, undefined, '5']) {
        assert.throws(() => subtasks.add('a', '', time as number), { code: 'ILLEGAL_STATE', message: /needs a time/ });
      }
      assert.equal(subtasks.add(10, '', -0), false);
      const expected = times.toSorted((a, b) => a - b).flatMap((time) => [time, time, time, time, time]);
      assert.deepEqual(
        subtasks.popAll().map(({ timestamp }) => timestamp),
        expected,
      );
    });

    test('keys of all kinds come back as they were', async () => {
      const subtasks = await TimerSubtasks.start(setup);
      const keys = ['', 'ключ 🔑', 0, -1.5, 12n ** 20n, true, false, `\u0000k[s1:a]`];
      for (let i = 0; i < 40; i++) for (const key of keys) subtasks.add(key, `w${i}`, 40 - i);
      for (const { key, namespace, timestamp } of subtasks.popAll()) {
        assert.ok(keys.includes(key) && namespace === `w${40 - timestamp}`);
      }
    });

    test('many timers of one key at one time fire once each', async () => {
      const subtasks = await TimerSubtasks.start(setup);
      for (let i = 0; i < COUNT; i++) assert.ok(subtasks.add('hot', `w${i}`, 7));
      assert.equal(new Set(textOf(subtasks.popAll())).size, COUNT);
    });

    test('sessions, which delete and register a timer at each record, leave nothing behind', async () => {
      const subtasks = await TimerSubtasks.start(setup);
      for (let i = 0; i < 3000; i++) {
        const key = i % 40;
        if (i >= 40) assert.ok(subtasks.delete(key, '', i - 40 + 500));
        assert.ok(subtasks.add(key, '', i + 500));
      }
      assert.equal(subtasks.size, 40);
      assert.equal(popAll(subtasks.queues[0]!, 3459).length, 0);
      assert.equal(subtasks.popAll().length, 40);
      assert.deepEqual(subtasks.backends[0]?.stateNames(), []);
    });

    for (const [otherName, other] of Object.entries(SETUPS)) {
      test(`a savepoint goes on with ${otherName}, at other parallelisms, with all timers once`, async () => {
        let subtasks = await filled(setup);
        const expected = textOf((await filled(setup)).popAll());
        const saved = await subtasks.save(true);
        subtasks = await subtasks.restart({ ...other, parallelism: 3 }, saved);
        assert.equal(subtasks.size, COUNT);
        assert.equal(subtasks.add('key 1', 'w', 37), false);
        subtasks = await subtasks.restart({ ...setup, parallelism: 2 }, await subtasks.save(true));
        assert.deepEqual(textOf(subtasks.popAll()), expected);
      });
    }

    test('a checkpoint goes on at other parallelisms, with all timers once', async () => {
      let subtasks = await filled(setup);
      const expected = textOf((await filled(setup)).popAll());
      for (const parallelism of [3, 2, 4, 1]) {
        subtasks = await subtasks.restart({ ...setup, parallelism }, await subtasks.save(false));
        assert.equal(subtasks.size, COUNT);
        assert.equal(subtasks.add('key 1', 'w', 37), false);
      }
      assert.deepEqual(textOf(subtasks.popAll()), expected);
    });

    test('a snapshot has the timers of its moment, whatever fires and comes while it is written', async () => {
      const subtasks = await filled(setup);
      const expected = textOf((await filled(setup)).popAll());
      let fired = 0;
      subtasks.checkpoints.onWrite = () => {
        for (let i = 0; i < 20; i++) {
          if (subtasks.queues[0]?.popUntil(Infinity) !== undefined) fired++;
          subtasks.add(`late ${i}`, '', i * 5);
        }
      };
      const saved = await subtasks.save(true);
      if (name === 'hashlog with hardly any memory') assert.ok(fired >= 20);
      subtasks.checkpoints.onWrite = () => {};
      assert.deepEqual(textOf((await subtasks.restart(setup, saved)).popAll()), expected);
    });

    test('timers that the program does not ask for are kept', async () => {
      const subtasks = await filled(setup);
      const expected = textOf((await filled(setup)).popAll());
      let saved = await subtasks.save(true);
      for (const canonical of [true, false]) {
        saved = await (await subtasks.restart({ ...setup, asksForNone: true }, saved)).save(canonical);
      }
      assert.deepEqual(textOf((await subtasks.restart(setup, saved)).popAll()), expected);
    });

    test('a state with the name of timers is refused', async () => {
      const [backend] = (await TimerSubtasks.start(setup)).backends;
      assert.throws(() => backend?.getPartitionedState(new ValueStateDescriptor('_timer_state/event_x')), {
        code: 'INVALID_STATE_DESCRIPTOR',
      });
    });
  });
}
