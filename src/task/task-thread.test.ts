import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../testing/index.ts';
import { type StepResult, TaskThread } from './task-thread.ts';

/** A task that does what its script says, and notes each step. */
function scripted(name: string, log: string[], script: StepResult[], onStep: () => void = () => {}) {
  return {
    step(): StepResult {
      log.push(name);
      onStep();
      return script.shift() ?? 'WAIT';
    },
  };
}

test('nothing runs before a task is woken, and nothing after it waits', () => {
  const clock = new VirtualClock();
  const thread = new TaskThread(clock, clock);
  const log: string[] = [];
  const wake = thread.add(scripted('a', log, ['MORE', 'WAIT']));
  clock.runYielded();
  assert.deepEqual(log, []);
  wake();
  clock.runYielded();
  assert.deepEqual(log, ['a', 'a']);
  clock.runYielded();
  assert.deepEqual(log, ['a', 'a']);
});

test('tasks nearer to the sinks step first', () => {
  const clock = new VirtualClock();
  const thread = new TaskThread(clock, clock);
  const log: string[] = [];
  const wakeSource = thread.add(scripted('source', log, ['MORE', 'WAIT']));
  const wakeSink = thread.add(scripted('sink', log, ['MORE', 'WAIT']));
  wakeSource();
  wakeSink();
  clock.runYielded();
  assert.deepEqual(log, ['sink', 'source', 'sink', 'source']);
});

test('the loop yields when its budget is used up', () => {
  let nowMs = 0;
  const yielded: (() => void)[] = [];
  const clock = { currentTimeMs: () => nowMs, monotonicMs: () => nowMs, setTimer: () => ({ cancel: () => {} }) };
  const thread = new TaskThread(clock, { yieldThen: (callback) => void yielded.push(callback) });
  const log: string[] = [];
  const wake = thread.add(scripted('a', log, Array(10).fill('MORE'), () => (nowMs += 0.4)));
  wake();
  yielded.shift()?.();
  assert.equal(log.length, 3);
  assert.equal(yielded.length, 1);
  yielded.shift()?.();
  assert.equal(log.length, 6);
});

test('a task that is woken while the loop runs is stepped in the same turn', () => {
  const clock = new VirtualClock();
  const thread = new TaskThread(clock, clock);
  const log: string[] = [];
  let wakeSink = (): void => {};
  const wakeSource = thread.add(scripted('source', log, ['WAIT'], () => wakeSink()));
  wakeSink = thread.add(scripted('sink', log, ['WAIT']));
  wakeSource();
  clock.runYielded();
  assert.deepEqual(log, ['source', 'sink']);
});

test('a task that is done is never stepped again', () => {
  const clock = new VirtualClock();
  const thread = new TaskThread(clock, clock);
  const log: string[] = [];
  const wake = thread.add(scripted('a', log, ['DONE', 'MORE']));
  wake();
  clock.runYielded();
  wake();
  clock.runYielded();
  assert.deepEqual(log, ['a']);
});

test('a task that is woken during its own last step is not forgotten', () => {
  const clock = new VirtualClock();
  const thread = new TaskThread(clock, clock);
  const log: string[] = [];
  let wake = (): void => {};
  let woken = false;
  wake = thread.add(
    scripted('a', log, ['WAIT', 'WAIT'], () => {
      if (!woken) wake();
      woken = true;
    }),
  );
  wake();
  clock.runYielded();
  assert.deepEqual(log, ['a', 'a']);
});
