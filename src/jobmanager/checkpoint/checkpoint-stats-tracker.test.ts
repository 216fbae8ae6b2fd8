import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { VertexId } from '../../common/index.ts';
import { MetricRegistry, metricValue } from '../../metrics/index.ts';
import type { CheckpointMetrics, CheckpointType, CompletedCheckpoint } from '../../protocol/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { CheckpointStatsTracker } from './checkpoint-stats-tracker.ts';

const task = (vertex: string, subtaskIndex: number): { vertexId: VertexId; subtaskIndex: number } => ({
  vertexId: vertex as VertexId,
  subtaskIndex,
});

const metrics = (stateBytes: number, checkpointedBytes: number): CheckpointMetrics => ({
  syncDurationMs: 1,
  asyncDurationMs: 2,
  alignmentDurationMs: 3,
  startDelayMs: 4,
  bytesPersistedDuringAlignment: 5,
  stateBytes,
  checkpointedBytes,
  unaligned: false,
});

const complete = (checkpointId: number, completedTimestampMs: number): CompletedCheckpoint => ({
  checkpointId,
  kind: 'CHECKPOINT',
  jobId: 'j',
  jobName: 'j',
  triggerTimestampMs: 0,
  completedTimestampMs,
  operators: [],
  externalPath: `/chk-${checkpointId}`,
  stateBytes: 0,
});

function trigger(tracker: CheckpointStatsTracker, id: number, type: CheckpointType = 'CHECKPOINT'): void {
  tracker.triggered({ id, type, triggerTimestampMs: 1000 * id, tasks: [task('a', 0), task('a', 1), task('b', 0)] });
}

describe('checkpoint statistics', () => {
  it('sum up what the subtasks acknowledge, by vertex and over all', () => {
    const tracker = new CheckpointStatsTracker();
    trigger(tracker, 1);
    tracker.acknowledged(1, task('a', 1), metrics(100, 10), 1020);
    tracker.acknowledged(1, task('b', 0), metrics(50, 50), 1080);
    const [running] = tracker.snapshot().history;
    assert.ok(running);
    assert.deepEqual(
      [running.status, running.numSubtasks, running.numAcknowledgedSubtasks, running.endToEndDurationMs],
      ['IN_PROGRESS', 3, 2, 80],
    );
    assert.deepEqual([running.stateBytes, running.checkpointedBytes, running.persistedBytes], [150, 60, 10]);
    const { subtasks, ...ofA } = running.tasks.a ?? assert.fail();
    assert.deepEqual(ofA, {
      numSubtasks: 2,
      numAcknowledgedSubtasks: 1,
      latestAckTimestampMs: 1020,
      endToEndDurationMs: 20,
      stateBytes: 100,
      checkpointedBytes: 10,
      persistedBytes: 5,
    });
    assert.deepEqual(subtasks, [{ ...metrics(100, 10), subtaskIndex: 1, ackTimestampMs: 1020, endToEndDurationMs: 20 }]);
    tracker.completed(1, complete(1, 1100));
    assert.equal(tracker.snapshot().latest.completed?.endToEndDurationMs, 100);
  });

  it('keep counts, the latest of each kind, and ten that are over', () => {
    const tracker = new CheckpointStatsTracker();
    for (let id = 1; id <= 14; id++) {
      trigger(tracker, id, id === 3 ? 'SYNC_SAVEPOINT' : 'CHECKPOINT');
      if (id === 2) tracker.failed(id, new Error('disk full'), 2500);
      else if (id !== 1) tracker.completed(id, complete(id, 1000 * id + id));
    }
    const { counts, latest, history, summary } = tracker.snapshot();
    assert.deepEqual(counts, { restored: 0, total: 14, inProgress: 1, completed: 12, failed: 1 });
    assert.deepEqual([latest.completed?.id, latest.savepoint?.id, latest.failed?.failureMessage], [14, 3, 'disk full']);
    assert.deepEqual(
      history.map((c) => c.id),
      [14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 1],
    );
    assert.deepEqual([summary.endToEndDurationMs.min, summary.endToEndDurationMs.max], [3, 14]);
  });

  it('are metrics with Flink’s names', () => {
    const tracker = new CheckpointStatsTracker();
    const registry = new MetricRegistry(new VirtualClock());
    tracker.registerMetrics(registry.group('job'));
    const values = (): Record<string, unknown> =>
      Object.fromEntries([...registry.all()].map(({ name, metric }) => [name, metricValue(metric)]));
    assert.equal(values().lastCheckpointDuration, -1);
    trigger(tracker, 4);
    tracker.acknowledged(4, task('a', 0), metrics(100, 10), 4010);
    tracker.completed(4, complete(4, 4030));
    trigger(tracker, 5);
    tracker.failed(5, new Error('x'), 5100);
    trigger(tracker, 6);
    tracker.restored(complete(4, 4030), 6000);
    assert.deepEqual(values(), {
      lastCheckpointDuration: 30,
      lastCheckpointSize: 10,
      lastCheckpointFullSize: 100,
      lastCompletedCheckpointId: 4,
      lastCheckpointExternalPath: '/chk-4',
      lastCheckpointCompletedTimestamp: 4030,
      lastCheckpointRestoreTimestamp: 6000,
      numberOfInProgressCheckpoints: 1,
      numberOfCompletedCheckpoints: 1,
      numberOfFailedCheckpoints: 1,
      totalNumberOfCheckpoints: 3,
    });
  });
});
