import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SplitAssignmentTracker } from './split-assignment-tracker.ts';

const splits = (...ids: string[]) => ids.map((splitId) => ({ splitId }));

test('a reader that goes back to a checkpoint gives back what it was given after it', () => {
  const tracker = new SplitAssignmentTracker();
  tracker.assigned(0, splits('a'));
  tracker.checkpointTaken(1);
  tracker.assigned(0, splits('b'));
  tracker.assigned(1, splits('x'));
  tracker.checkpointTaken(2);
  tracker.assigned(0, splits('c'));
  tracker.checkpointCompleted(1);
  assert.deepEqual(tracker.takeBack(0, 1), splits('b', 'c'));
  assert.deepEqual(tracker.takeBack(0, 1), []);
  assert.deepEqual(tracker.takeBack(1, 1), splits('x'));
});

test('without a checkpoint everything is given back', () => {
  const tracker = new SplitAssignmentTracker();
  tracker.assigned(0, splits('a'));
  tracker.checkpointTaken(1);
  tracker.assigned(0, splits('b'));
  assert.deepEqual(tracker.takeBack(0, 0), splits('a', 'b'));
});
