/**
 * The coordinators of all sources of a job: made, reset and closed with the tasks of their readers.
 */
import { type Clock, type Logger, MillraceError, toError } from '../../common/index.ts';
import type { ReaderEvent, Source } from '../../connector/index.ts';
import type { ChainedOperator } from '../../graph/index.ts';
import type { CompletedCheckpoint, TaskExecutorGateway } from '../../protocol/index.ts';
import type { CheckpointInput } from '../../state/index.ts';
import type { StateAssignment } from '../checkpoint/index.ts';
import { attemptOf, type ExecutionGraph, type ExecutionVertex } from './execution-graph.ts';
import { SourceCoordinator, type SourceCoordinatorDependencies } from './source-coordinator.ts';
import { WatermarkAligner } from './watermark-aligner.ts';

export interface SourceCoordinatorsDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly taskExecutor: TaskExecutorGateway;
  sourceOf(operatorId: string): Source<unknown> | undefined;
  fail(vertexId: string, error: Error): void;
}

export class SourceCoordinators {
  private readonly graph: ExecutionGraph;
  private readonly dependencies: SourceCoordinatorsDependencies;
  private readonly coordinators = new Map<string, SourceCoordinator>();
  private readonly aligner = new WatermarkAligner();

  constructor(graph: ExecutionGraph, dependencies: SourceCoordinatorsDependencies) {
    this.graph = graph;
    this.dependencies = dependencies;
  }

  /** @returns whether the operator is a source */
  handleEvent(operatorId: string, event: ReaderEvent): boolean {
    const coordinator = this.coordinators.get(operatorId);
    coordinator?.handleEvent(event);
    return coordinator !== undefined;
  }

  /** By operator id. */
  snapshot(checkpointId: number): Map<string, Uint8Array> {
    return new Map([...this.coordinators].map(([operatorId, c]) => [operatorId, c.snapshot(checkpointId)]));
  }

  notifyCheckpointComplete(checkpointId: number): void {
    for (const coordinator of this.coordinators.values()) coordinator.notifyCheckpointComplete(checkpointId);
  }

  /**
   * Takes the sources of these tasks back to a checkpoint, or to the beginning. If only some readers of a source go back, its
   * enumerator goes on, and takes back the splits that these were given since.
   */
  async reset(
    executions: readonly ExecutionVertex[],
    checkpoint: CompletedCheckpoint | undefined,
    assignment: StateAssignment | undefined,
    input: CheckpointInput,
  ): Promise<void> {
    const byOperator = new Map<ChainedOperator, ExecutionVertex[]>();
    for (const execution of executions) {
      const head = execution.vertex.operators[0];
      if (head?.kind === 'SOURCE') byOperator.set(head, [...(byOperator.get(head) ?? []), execution]);
    }
    for (const [operator, readers] of byOperator) {
      const first = readers[0] as ExecutionVertex;
      const known = this.coordinators.get(operator.operatorId);
      if (known && readers.length < first.parallelism) {
        for (const { subtaskIndex } of readers) known.resetSubtask(subtaskIndex, checkpoint?.checkpointId ?? 0);
        continue;
      }
      await this.closeOne(known);
      const handle = assignment?.coordinators.get(operator.operatorId);
      this.create(operator, first, handle && (await input.read(handle)));
    }
  }

  /** Starts the enumerators of these tasks' sources, which run already if only some readers are new. */
  start(executions: readonly ExecutionVertex[]): void {
    for (const { vertex } of executions) {
      const coordinator = this.coordinators.get(vertex.operators[0]?.operatorId ?? '');
      coordinator?.start().catch((error: unknown) => coordinator.fail(error));
    }
  }

  async close(): Promise<void> {
    for (const coordinator of this.coordinators.values()) await this.closeOne(coordinator);
  }

  private async closeOne(coordinator: SourceCoordinator | undefined): Promise<void> {
    try {
      await coordinator?.close();
    } catch (error) {
      this.dependencies.logger.log('warn', `Closing a source coordinator failed: ${toError(error).message}`);
    }
  }

  private create(operator: ChainedOperator, { vertex, parallelism }: ExecutionVertex, restored: Uint8Array | undefined): void {
    const source = this.dependencies.sourceOf(operator.operatorId);
    if (source === undefined) return;
    const { clock, logger, taskExecutor } = this.dependencies;
    const dependencies: SourceCoordinatorDependencies = {
      clock,
      logger,
      parallelism,
      sendEvent: (subtaskIndex, event) => {
        const execution = this.graph.vertices.find((v) => v.vertex.id === vertex.id && v.subtaskIndex === subtaskIndex);
        if (execution === undefined) return;
        taskExecutor
          .sendOperatorEvent(attemptOf(this.graph, execution), event)
          .catch((error: unknown) => logger.log('debug', `A reader could not be reached: ${toError(error).message}`));
      },
      alignWatermark: (group, subtaskIndex, watermark) =>
        this.aligner.report(group, `${operator.operatorId}/${subtaskIndex}`, watermark),
      fail: (error) => this.dependencies.fail(vertex.id, sourceFailure(error, operator)),
    };
    try {
      this.coordinators.set(operator.operatorId, new SourceCoordinator(source, dependencies, restored));
    } catch (error) {
      throw sourceFailure(toError(error), operator);
    }
  }
}

/** What an enumerator threw, with the name of its source. */
function sourceFailure(error: Error, operator: ChainedOperator): MillraceError {
  const own = error instanceof MillraceError;
  return new MillraceError(own ? error.code : 'SOURCE_FAILED', `Source '${operator.name}' failed: ${error.message}`, {
    cause: error,
    context: { ...(own ? error.context : {}), operator: operator.name, operatorId: operator.operatorId },
    recoverable: own ? error.recoverable : true,
  });
}
