/**
 * What is known about the checkpoints of a job, for people: counts, the latest of each kind, a history, and summaries over all that
 * completed, as Flink's REST interface shows them; and the metrics of checkpointing, with Flink's names.
 */
import { Histogram, type MetricGroup } from '../../metrics/index.ts';
import type {
  AcknowledgementStats,
  CheckpointMetrics,
  CheckpointStats,
  CheckpointStatsSnapshot,
  CheckpointStatus,
  CheckpointSummary,
  CheckpointType,
  CompletedCheckpoint,
  ExecutionAttemptId,
  RestoredCheckpointStats,
  SubtaskCheckpointStats,
  TaskCheckpointStats,
} from '../../protocol/index.ts';

export interface TriggeredCheckpoint {
  readonly id: number;
  readonly type: CheckpointType;
  readonly triggerTimestampMs: number;
  readonly tasks: readonly Pick<ExecutionAttemptId, 'vertexId' | 'subtaskIndex'>[];
}

const HISTORY = 10;

interface Tracked extends TriggeredCheckpoint {
  status: CheckpointStatus;
  readonly acknowledged: Map<string, SubtaskCheckpointStats[]>;
  /** When it completed or failed. */
  endTimestampMs?: number;
  externalPath?: string;
  failureMessage?: string;
}

export class CheckpointStatsTracker {
  /** Oldest first; those in progress, and as many that are over as the history keeps. */
  private history: Tracked[] = [];
  private readonly counts = { restored: 0, total: 0, inProgress: 0, completed: 0, failed: 0 };
  private readonly latest: { completed?: Tracked; savepoint?: Tracked; failed?: Tracked } = {};
  private restoredLast: RestoredCheckpointStats | undefined;
  private readonly durations = new Histogram();
  private readonly stateSizes = new Histogram();
  private readonly checkpointedSizes = new Histogram();
  private readonly persistedSizes = new Histogram();

  triggered(checkpoint: TriggeredCheckpoint): void {
    this.counts.total++;
    this.counts.inProgress++;
    this.history.push({ ...checkpoint, status: 'IN_PROGRESS', acknowledged: new Map() });
  }

  acknowledged(
    id: number,
    task: Pick<ExecutionAttemptId, 'vertexId' | 'subtaskIndex'>,
    metrics: CheckpointMetrics,
    nowMs: number,
  ): void {
    const checkpoint = this.inProgress(id);
    if (checkpoint === undefined) return;
    const subtasks = checkpoint.acknowledged.get(task.vertexId) ?? [];
    checkpoint.acknowledged.set(task.vertexId, subtasks);
    const endToEndDurationMs = nowMs - checkpoint.triggerTimestampMs;
    subtasks.push({ ...metrics, subtaskIndex: task.subtaskIndex, ackTimestampMs: nowMs, endToEndDurationMs });
  }

  completed(id: number, { externalPath, completedTimestampMs }: CompletedCheckpoint): void {
    const checkpoint = this.end(id, 'COMPLETED', completedTimestampMs);
    if (checkpoint === undefined) return;
    checkpoint.externalPath = externalPath;
    this.counts.completed++;
    this.latest[isSavepoint(checkpoint) ? 'savepoint' : 'completed'] = checkpoint;
    const { endToEndDurationMs, stateBytes, checkpointedBytes, persistedBytes } = statsOf(checkpoint);
    this.durations.update(endToEndDurationMs);
    this.stateSizes.update(stateBytes);
    this.checkpointedSizes.update(checkpointedBytes);
    this.persistedSizes.update(persistedBytes);
  }

  failed(id: number, reason: Error, nowMs: number): void {
    const checkpoint = this.end(id, 'FAILED', nowMs);
    if (checkpoint === undefined) return;
    checkpoint.failureMessage = reason.message;
    this.counts.failed++;
    this.latest.failed = checkpoint;
  }

  restored(checkpoint: CompletedCheckpoint, nowMs: number): void {
    this.counts.restored++;
    this.restoredLast = {
      id: checkpoint.checkpointId,
      restoreTimestampMs: nowMs,
      isSavepoint: checkpoint.kind === 'SAVEPOINT',
      externalPath: checkpoint.externalPath,
    };
  }

  snapshot(): CheckpointStatsSnapshot {
    const { completed, savepoint, failed } = this.latest;
    return {
      counts: { ...this.counts },
      latest: {
        ...(completed && { completed: statsOf(completed) }),
        ...(savepoint && { savepoint: statsOf(savepoint) }),
        ...(failed && { failed: statsOf(failed) }),
        ...(this.restoredLast && { restored: this.restoredLast }),
      },
      summary: {
        endToEndDurationMs: summaryOf(this.durations),
        stateBytes: summaryOf(this.stateSizes),
        checkpointedBytes: summaryOf(this.checkpointedSizes),
        persistedBytes: summaryOf(this.persistedSizes),
      },
      history: this.history.map(statsOf).reverse(),
    };
  }

  /** @param group that of the job */
  registerMetrics(group: MetricGroup): void {
    const ofLatest = (name: string, read: (stats: CheckpointStats) => number | string, absent: number | string = -1): void => {
      group.gauge(name, () => (this.latest.completed ? read(statsOf(this.latest.completed)) : absent));
    };
    ofLatest('lastCheckpointDuration', (stats) => stats.endToEndDurationMs);
    ofLatest('lastCheckpointSize', (stats) => stats.checkpointedBytes);
    ofLatest('lastCheckpointFullSize', (stats) => stats.stateBytes);
    ofLatest('lastCompletedCheckpointId', (stats) => stats.id);
    ofLatest('lastCheckpointExternalPath', (stats) => stats.externalPath ?? '', 'n/a');
    group.gauge('lastCheckpointCompletedTimestamp', () => this.latest.completed?.endTimestampMs ?? -1);
    group.gauge('lastCheckpointRestoreTimestamp', () => this.restoredLast?.restoreTimestampMs ?? -1);
    group.gauge('numberOfInProgressCheckpoints', () => this.counts.inProgress);
    group.gauge('numberOfCompletedCheckpoints', () => this.counts.completed);
    group.gauge('numberOfFailedCheckpoints', () => this.counts.failed);
    group.gauge('totalNumberOfCheckpoints', () => this.counts.total);
  }

  private inProgress(id: number): Tracked | undefined {
    return this.history.find((checkpoint) => checkpoint.id === id && checkpoint.status === 'IN_PROGRESS');
  }

  private end(id: number, status: 'COMPLETED' | 'FAILED', nowMs: number): Tracked | undefined {
    const checkpoint = this.inProgress(id);
    if (checkpoint === undefined) return undefined;
    checkpoint.status = status;
    checkpoint.endTimestampMs = nowMs;
    this.counts.inProgress--;
    let surplus = this.history.filter((c) => c.status !== 'IN_PROGRESS').length - HISTORY;
    this.history = this.history.filter((c) => c.status === 'IN_PROGRESS' || surplus-- <= 0);
    return checkpoint;
  }
}

function isSavepoint({ type }: Pick<TriggeredCheckpoint, 'type'>): boolean {
  return type === 'SAVEPOINT' || type === 'SYNC_SAVEPOINT';
}

function statsOf(checkpoint: Tracked): CheckpointStats {
  const { id, type, status, triggerTimestampMs, endTimestampMs, externalPath, failureMessage, acknowledged } = checkpoint;
  const expected = new Map<string, number>();
  for (const { vertexId } of checkpoint.tasks) expected.set(vertexId, (expected.get(vertexId) ?? 0) + 1);
  const tasks: Record<string, TaskCheckpointStats> = {};
  for (const [vertexId, numSubtasks] of expected) {
    const subtasks = acknowledged.get(vertexId) ?? [];
    tasks[vertexId] = { ...sumUp(subtasks, numSubtasks, triggerTimestampMs), subtasks };
  }
  const all = sumUp([...acknowledged.values()].flat(), checkpoint.tasks.length, triggerTimestampMs);
  return {
    id,
    type,
    isSavepoint: isSavepoint(checkpoint),
    status,
    triggerTimestampMs,
    ...all,
    // The metadata is written after the last acknowledgement.
    endToEndDurationMs: endTimestampMs === undefined ? all.endToEndDurationMs : endTimestampMs - triggerTimestampMs,
    tasks,
    ...(externalPath === undefined ? {} : { externalPath }),
    ...(failureMessage === undefined ? {} : { failureMessage, failureTimestampMs: endTimestampMs as number }),
  };
}

function sumUp(
  subtasks: readonly SubtaskCheckpointStats[],
  numSubtasks: number,
  triggerTimestampMs: number,
): AcknowledgementStats {
  const sum = (read: (stats: SubtaskCheckpointStats) => number): number => subtasks.reduce((total, s) => total + read(s), 0);
  const latestAckTimestampMs = subtasks.reduce((latest, s) => Math.max(latest, s.ackTimestampMs), -1);
  return {
    numSubtasks,
    numAcknowledgedSubtasks: subtasks.length,
    latestAckTimestampMs,
    endToEndDurationMs: Math.max(0, latestAckTimestampMs - triggerTimestampMs),
    stateBytes: sum((s) => s.stateBytes),
    checkpointedBytes: sum((s) => s.checkpointedBytes),
    persistedBytes: sum((s) => s.bytesPersistedDuringAlignment),
  };
}

function summaryOf(histogram: Histogram): CheckpointSummary {
  const { min, max, mean, quantile } = histogram.getStatistics();
  return { min, max, mean, p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) };
}
