/** A job for tests of the coordinator of checkpoints: real storage in memory, virtual time, and tasks that do what the test says. */
import assert from 'node:assert/strict';
import { CompletedCheckpointStore, FileCheckpointStorage } from '../../checkpoint/index.ts';
import { type JobId, type MillraceError, seededRandom, silentLogger, type VertexId } from '../../common/index.ts';
import { MemoryFileSystem } from '../../filesystem/index.ts';
import type { JobVertex } from '../../graph/index.ts';
import type {
  CheckpointMetrics,
  CheckpointOptions,
  CheckpointSettings,
  ExecutionAttemptId,
  TaskStateSnapshot,
} from '../../protocol/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { CheckpointCoordinator } from './checkpoint-coordinator.ts';
import type { CheckpointPlan } from './coordinator-dependencies.ts';

export const JOB = 'a'.repeat(32) as JobId;

export const SETTINGS: CheckpointSettings = {
  intervalMs: 1000,
  minPauseMs: 0,
  timeoutMs: 600,
  maxConcurrent: 1,
  tolerableFailed: 0,
  numRetained: 1,
  retention: 'NO_EXTERNALIZED_CHECKPOINTS',
  unaligned: false,
  alignedTimeoutMs: 0,
  directory: '/checkpoints',
  savepointDirectory: '/savepoints',
  inlineThresholdBytes: 1024,
};

export const METRICS: CheckpointMetrics = {
  syncDurationMs: 1,
  asyncDurationMs: 2,
  alignmentDurationMs: 3,
  startDelayMs: 4,
  bytesPersistedDuringAlignment: 5,
  stateBytes: 100,
  checkpointedBytes: 10,
  unaligned: false,
};

function vertex(name: string, kind: 'SOURCE' | 'SINK', parallelism: number): JobVertex {
  return {
    id: name as VertexId,
    name,
    parallelism,
    maxParallelism: 128,
    slotSharingGroup: 'default',
    operators: [
      {
        node: 1,
        operatorId: `${name}-op` as never,
        uid: `${name}-uid`,
        kind,
        operatorType: name,
        name,
        keyed: false,
        inputCount: 1,
      },
    ],
    chainEdges: [],
  };
}

export interface Triggered {
  readonly task: string;
  readonly id: number;
  readonly options: CheckpointOptions;
}

/** A job of a source with two subtasks and a sink with one, whose tasks do what the test says. */
export class CoordinatedJob {
  readonly clock = new VirtualClock(1_000_000);
  readonly fileSystem = new MemoryFileSystem();
  readonly triggered: Triggered[] = [];
  readonly completed: string[] = [];
  readonly aborted: string[] = [];
  readonly coordinatorsComplete: number[] = [];
  readonly failures: MillraceError[] = [];
  readonly warnings: string[] = [];
  readonly running = new Map<string, ExecutionAttemptId>();
  readonly store: CompletedCheckpointStore;
  readonly coordinator: CheckpointCoordinator;
  notReady: string | undefined;
  onSnapshot: (id: number) => void = () => {};
  onTrigger: () => Promise<void> = async () => {};
  /** Called before the metadata of each checkpoint is written. */
  onWrite: () => Promise<void> = async () => {};
  /** Called when the metadata of a checkpoint is durable. */
  onWritten: (id: number) => void = () => {};
  /** By checkpoint: the attempts that take part, as `task#attempt`. */
  readonly tasksOf = new Map<number, readonly string[]>();

  constructor(settings: Partial<CheckpointSettings> = {}, directory: string | undefined = '/checkpoints') {
    const vertices = [vertex('source', 'SOURCE', 2), vertex('sink', 'SINK', 1)];
    for (const { id, parallelism } of vertices) {
      for (let subtaskIndex = 0; subtaskIndex < parallelism; subtaskIndex++) {
        this.running.set(`${id}/${subtaskIndex}`, { jobId: JOB, vertexId: id, subtaskIndex, attemptNumber: 0 });
      }
    }
    const { fileSystem } = this;
    const storage = new FileCheckpointStorage(
      { ...(directory === undefined ? {} : { directory }), savepointDirectory: '/savepoints' },
      { fileSystem, random: seededRandom(1) },
    );
    const { numRetained } = { ...SETTINGS, ...settings };
    this.store = new CompletedCheckpointStore({ jobId: JOB, numRetained }, { storage, fileSystem, logger: silentLogger });
    this.coordinator = new CheckpointCoordinator(
      {
        jobId: JOB,
        jobName: 'test job',
        settings: { ...SETTINGS, ...settings },
        vertices: vertices.map((v) => ({ vertex: v, parallelism: v.parallelism, inputs: [] })),
      },
      {
        clock: this.clock,
        logger: { log: (level, message) => void (level === 'warn' && this.warnings.push(message)) },
        store: this.store,
        storage: {
          checkpointDirectory: (jobId, id) => storage.checkpointDirectory(jobId, id),
          savepointDirectory: (jobId, target) => storage.savepointDirectory(jobId, target),
          discardUnfinished: (path) => storage.discardUnfinished(path),
          writeMetadata: async (draft) => {
            await this.onWrite();
            const checkpoint = await storage.writeMetadata(draft);
            this.onWritten(checkpoint.checkpointId);
            return checkpoint;
          },
        },
        plan: () => this.plan(),
        snapshotCoordinators: (id) => {
          this.tasksOf.set(
            id,
            [...this.running].map(([task, { attemptNumber }]) => `${task}#${attemptNumber}`),
          );
          this.onSnapshot(id);
          return new Map([['source-op', Uint8Array.of(id)]]);
        },
        trigger: (attempt, id, _timestampMs, options) => {
          this.triggered.push({ task: `${attempt.vertexId}/${attempt.subtaskIndex}`, id, options });
          return this.onTrigger();
        },
        notifyComplete: (attempt, id) => void this.completed.push(`${attempt.vertexId}/${attempt.subtaskIndex}:${id}`),
        notifyAborted: (attempt, id) => void this.aborted.push(`${attempt.vertexId}/${attempt.subtaskIndex}:${id}`),
        notifyCoordinatorsComplete: (id) => void this.coordinatorsComplete.push(id),
        failJob: (error) => void this.failures.push(error),
      },
    );
  }

  plan(): CheckpointPlan | { notReady: string } {
    if (this.notReady !== undefined) return { notReady: this.notReady };
    const toAcknowledge = [...this.running.values()];
    const sources = toAcknowledge.filter((a) => a.vertexId === 'source');
    return { toTrigger: sources.length > 0 ? sources : toAcknowledge, toAcknowledge };
  }

  attempt(task: string): ExecutionAttemptId {
    const attempt = this.running.get(task);
    assert.ok(attempt, `${task} runs`);
    return attempt;
  }

  acknowledge(id: number, tasks: Iterable<string> = [...this.running.keys()], finished = false): void {
    for (const task of tasks) this.coordinator.acknowledge(this.attempt(task), id, snapshotOf(task, finished), METRICS);
  }

  /** Acknowledges by all, and lets the metadata be written. */
  async complete(id: number, finished = false): Promise<void> {
    this.acknowledge(id, undefined, finished);
    await this.settle();
  }

  endTask(task: string): void {
    const attempt = this.attempt(task);
    this.running.delete(task);
    this.coordinator.taskEnded(attempt);
  }

  decline(id: number, task: string, message = 'cannot'): void {
    this.coordinator.decline(this.attempt(task), id, { name: 'Error', message });
  }

  advance(ms: number): Promise<void> {
    return this.clock.advanceByAsync(ms);
  }

  settle(): Promise<void> {
    return this.clock.advanceByAsync(0);
  }

  latestId(): number | undefined {
    return this.coordinator.latest?.checkpointId;
  }

  /** Ids of checkpoints that began, in order. */
  get begun(): number[] {
    return [...new Set(this.triggered.map((t) => t.id))];
  }

  async files(): Promise<string[]> {
    const paths: string[] = [];
    for (const root of ['/checkpoints', '/savepoints']) {
      if (await this.fileSystem.exists(root)) await this.collect(root, paths);
    }
    return paths.sort();
  }

  private async collect(folder: string, paths: string[]): Promise<void> {
    for (const { path, isDirectory } of await this.fileSystem.list(folder)) {
      if (isDirectory) await this.collect(path, paths);
      else paths.push(path);
    }
  }
}

export function snapshotOf(task: string, finished: boolean): TaskStateSnapshot {
  const [name] = task.split('/');
  const operator = { kind: 'INLINE', bytes: new TextEncoder().encode(task) } as const;
  return { finished, operators: { [`${name}-op`]: { operator, watermark: 7 } } };
}
