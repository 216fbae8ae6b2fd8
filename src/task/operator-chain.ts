/**
 * The operators of one subtask, wired: outputs to inputs, the last ones to record writers, and the whole compiled.
 */
import { MillraceError } from '../common/index.ts';
import { type JobVertex, operatorScope } from '../graph/index.ts';
import type { MetricGroup } from '../metrics/index.ts';
import {
  type EventTarget,
  type OperatorDefinition,
  OperatorHost,
  type OperatorHostDependencies,
  type OperatorHostOptions,
  type OperatorRestoreHandles,
  type OperatorStateHandles,
  type PendingOperatorSnapshot,
} from '../operators/index.ts';
import type { CheckpointInput, CheckpointOutput } from '../state/index.ts';
import { type ChainNode, type ChainTarget, type CompiledChain, compileChain, type RecordWriter } from './chain-compiler.ts';

/** A way out of the chain. */
export interface ChainOutput {
  /** The stream node whose records go out. */
  readonly node: number;
  readonly sideOutput?: string;
  readonly writer: RecordWriter & EventTarget;
}

export type ChainHostOptions = Omit<OperatorHostOptions, 'operatorName' | 'operatorId' | 'definedAt'>;
export type ChainHostDependencies = Omit<OperatorHostDependencies, 'metrics' | 'sendToCoordinator'> & {
  readonly metrics: MetricGroup;
  sendToCoordinator(operatorId: string, event: unknown): void;
};

/** A snapshot of all operators whose content is fixed. */
export interface PendingChainSnapshot {
  /** Resolves when everything is durable, by operator id. @throws MillraceError the first failure, when all have ended */
  write(output: CheckpointOutput): Promise<Record<string, OperatorStateHandles>>;
}

export class OperatorChain {
  /** In topological order; the first is the head. */
  readonly hosts: readonly OperatorHost[];
  private readonly vertex: JobVertex;
  private readonly outputs: readonly ChainOutput[];
  private compiledChain: CompiledChain | undefined;
  private closing = false;

  constructor(
    vertex: JobVertex,
    definitions: (operatorId: string) => OperatorDefinition,
    outputs: readonly ChainOutput[],
    options: ChainHostOptions,
    dependencies: ChainHostDependencies,
  ) {
    this.vertex = vertex;
    this.outputs = outputs;
    this.hosts = vertex.operators.map(
      (o) =>
        new OperatorHost(
          definitions(o.operatorId),
          { ...options, operatorName: o.name, operatorId: o.operatorId, definedAt: o.definedAt },
          {
            ...dependencies,
            metrics: dependencies.metrics.addGroup(operatorScope(vertex, o)),
            sendToCoordinator: (event) => dependencies.sendToCoordinator(o.operatorId, event),
          },
        ),
    );
    this.wireEvents();
  }

  get head(): OperatorHost {
    return this.hosts[0] as OperatorHost;
  }

  get compiled(): CompiledChain {
    if (this.compiledChain === undefined) throw new MillraceError('INTERNAL', 'The chain was used before it was opened.');
    return this.compiledChain;
  }

  /** Opens the operators from the end to the head, so that each finds the next one ready; then compiles. */
  async open(): Promise<void> {
    for (const host of [...this.hosts].reverse()) {
      try {
        await host.open();
      } catch (error) {
        throw host.attribute(error, 'open');
      }
    }
    this.compiledChain = compileChain(this.chainNodes(), (thrown, node, record) => this.fail(thrown, node, record));
    this.hosts.forEach((host, i) => {
      const collect = this.compiled.collects[i];
      if (collect) host.output.collect = collect;
      for (const [tag, side] of this.compiled.sideCollects[i] ?? []) host.output.sideCollects.set(tag, side);
      this.registerMetrics(i);
    });
  }

  /** Takes over the state of a checkpoint; before `open`. @throws MillraceError as `OperatorHost.restore` */
  async restore(operators: Readonly<Record<string, OperatorRestoreHandles>>, input: CheckpointInput): Promise<void> {
    for (const host of this.hosts) {
      const restore = operators[host.options.operatorId];
      if (restore) await host.restore(restore, input);
    }
  }

  /** `undefined` if no operator has anything to do before a barrier: then the snapshot can be taken at once. */
  prepareSnapshotPreBarrier(checkpointId: number): Promise<void> | undefined {
    const hosts = this.hosts.filter((host) => host.operator.prepareSnapshotPreBarrier);
    if (hosts.length === 0) return undefined;
    return (async () => {
      for (const host of hosts) await host.prepareSnapshotPreBarrier(checkpointId);
    })();
  }

  /** The synchronous part of a snapshot of all operators. @throws MillraceError as `OperatorHost.startSnapshot` */
  startSnapshot(checkpointId: number, canonical: boolean): PendingChainSnapshot {
    const pending: PendingOperatorSnapshot[] = [];
    try {
      for (const host of this.hosts) pending.push(host.startSnapshot(checkpointId, { canonical }));
    } catch (error) {
      for (const snapshot of pending) snapshot.discard();
      throw error;
    }
    return {
      write: async (output) => {
        const results = await Promise.allSettled(pending.map((snapshot) => snapshot.write(output)));
        const failed = results.find((r) => r.status === 'rejected');
        if (failed) throw failed.reason;
        return Object.fromEntries(
          results.map((r, i) => [
            (this.hosts[i] as OperatorHost).options.operatorId,
            (r as PromiseFulfilledResult<OperatorStateHandles>).value,
          ]),
        );
      },
    };
  }

  /** Resolves when every operator has committed what belongs to the checkpoint. */
  async notifyCheckpointComplete(checkpointId: number): Promise<void> {
    for (const host of this.hosts) await host.notifyCheckpointComplete(checkpointId);
  }

  async notifyCheckpointAborted(checkpointId: number): Promise<void> {
    for (const host of this.hosts) await host.notifyCheckpointAborted(checkpointId);
  }

  processWatermark(timestamp: number): void {
    this.head.processWatermark(timestamp);
  }

  processIdle(idle: boolean): void {
    this.head.processIdle(idle);
  }

  /** `undefined` while every operator takes records. */
  isAvailable(): Promise<void> | undefined {
    for (const host of this.hosts) {
      const blocked = host.operator.isAvailable?.();
      if (blocked) return blocked;
    }
    return undefined;
  }

  /** Head first; stops at the operator that is finishing if the chain is closed meanwhile. */
  async finish(): Promise<void> {
    for (const host of this.hosts) {
      if (this.closing) return;
      try {
        await host.finish();
      } catch (error) {
        throw host.attribute(error, 'finish');
      }
    }
  }

  /** Closes every operator, whatever happens; rejects with the first error. */
  async close(): Promise<void> {
    this.closing = true;
    let failure: Error | undefined;
    for (const host of this.hosts) {
      try {
        await host.close();
      } catch (error) {
        failure ??= host.attribute(error, 'close');
      }
    }
    if (failure) throw failure;
  }

  private fail(thrown: unknown, node: number, record: unknown): never {
    throw (this.hosts[node] ?? this.head).attribute(thrown, undefined, { value: record });
  }

  private wireEvents(): void {
    const byNode = new Map(this.vertex.operators.map((o, i) => [o.node, this.hosts[i] as OperatorHost]));
    for (const [i, operator] of this.vertex.operators.entries()) {
      const targets = new Set<EventTarget>();
      for (const edge of this.vertex.chainEdges) {
        if (edge.source === operator.node) targets.add(byNode.get(edge.target) as OperatorHost);
      }
      for (const output of this.outputs) if (output.node === operator.node) targets.add(output.writer);
      (this.hosts[i] as OperatorHost).output.targets = [...targets];
    }
  }

  private chainNodes(): ChainNode[] {
    const indexOf = new Map(this.vertex.operators.map((o, i) => [o.node, i]));
    return this.vertex.operators.map((operator, i) => {
      const host = this.hosts[i] as OperatorHost;
      const mainTargets: ChainTarget[] = [];
      const sideTargets = new Map<string, ChainTarget[]>();
      const add = (tag: string | undefined, target: ChainTarget): void => {
        if (tag === undefined) mainTargets.push(target);
        else sideTargets.set(tag, [...(sideTargets.get(tag) ?? []), target]);
      };
      for (const edge of this.vertex.chainEdges) {
        if (edge.source === operator.node) add(edge.sideOutput, { node: indexOf.get(edge.target) as number });
      }
      for (const output of this.outputs) if (output.node === operator.node) add(output.sideOutput, { writer: output.writer });
      const backend = host.keyedState;
      return {
        operator: host.operator,
        keySelectors: host.definition.keySelectors ?? [],
        ...(backend ? { setCurrentKey: (key: unknown) => backend.setCurrentKey(key) } : {}),
        inputCount: operator.inputCount,
        mainTargets,
        sideTargets,
      };
    });
  }

  private registerMetrics(index: number): void {
    const host = this.hosts[index] as OperatorHost;
    const group = host.metricGroup;
    const { counters, inSlots, outSlots } = this.compiled;
    const isSink = this.vertex.operators[index]?.kind === 'SINK';
    const recordsIn = (): number => counters[inSlots[index] as number] as number;
    const recordsOut = (): number => (isSink ? 0 : (counters[outSlots[index] as number] as number));
    group.counterOf('numRecordsIn', recordsIn);
    group.counterOf('numRecordsOut', recordsOut);
    group.meter('numRecordsInPerSecond', recordsIn);
    group.meter('numRecordsOutPerSecond', recordsOut);
    group.gauge('currentInputWatermark', () => host.currentWatermark);
    group.gauge('currentOutputWatermark', () => host.output.lastWatermark);
    group.counterOf('numSideOutputRecords', () => host.output.sideRecords);
    group.counterOf('numSideOutputRecordsUnread', () => host.output.unreadSideRecords);
  }
}
