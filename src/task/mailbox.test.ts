import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mailbox } from './mailbox.ts';

test('mails run in the order in which they were posted, and each post wakes the task', () => {
  let wakes = 0;
  const mailbox = new Mailbox(() => wakes++);
  const log: number[] = [];
  mailbox.post(() => log.push(1));
  mailbox.post(() => log.push(2));
  assert.equal(wakes, 2);
  mailbox.runAll();
  assert.deepEqual(log, [1, 2]);
  assert.ok(mailbox.isEmpty);
});

test('a mail that a mail posts runs the next time, so that mails cannot starve records', () => {
  const mailbox = new Mailbox(() => {});
  const log: string[] = [];
  mailbox.post(() => {
    log.push('first');
    mailbox.post(() => log.push('second'));
  });
  mailbox.runAll();
  assert.deepEqual(log, ['first']);
  mailbox.runAll();
  assert.deepEqual(log, ['first', 'second']);
});

test('mails that are held stay in their order, in front of those that came later', () => {
  const mailbox = new Mailbox(() => {});
  const log: number[] = [];
  let held = false;
  mailbox.post(() => {
    held = true;
    mailbox.post(() => log.push(3));
  });
  mailbox.post(() => log.push(1));
  mailbox.post(() => log.push(2));
  mailbox.runAll(() => held);
  assert.deepEqual(log, []);
  held = false;
  mailbox.runAll(() => held);
  assert.deepEqual(log, [1, 2, 3]);
});

test('a mail that throws loses no other mail', () => {
  const mailbox = new Mailbox(() => {});
  const log: string[] = [];
  mailbox.post(() => {
    throw new Error('broken');
  });
  mailbox.post(() => log.push('kept'));
  assert.throws(() => mailbox.runAll(), /broken/);
  mailbox.runAll();
  assert.deepEqual(log, ['kept']);
});
