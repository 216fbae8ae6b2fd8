/**
 * Engines that are wrong on purpose: each breaks one rule, in what a task executor is given or says. The simulation must find every
 * one of them.
 */
import type { Source } from '../../src/connector/index.ts';
import type { FileSystem } from '../../src/filesystem/index.ts';
import type { ChannelReader, ElementBatch, StreamEvent } from '../../src/network/index.ts';
import type {
  JobMasterGateway,
  OperatorRestore,
  OperatorSubtaskState,
  TaskDeploymentDescriptor,
  TaskExecutorGateway,
} from '../../src/protocol/index.ts';

/** Each part takes what the engine has, and returns what it gets instead. */
export interface Mutation {
  reader?(reader: ChannelReader): ChannelReader;
  jobMaster?(master: JobMasterGateway, executor: TaskExecutorGateway): JobMasterGateway;
  /** The disk, as tasks write their state to it. */
  fileSystem?(fileSystem: FileSystem): FileSystem;
  descriptor?(descriptor: TaskDeploymentDescriptor): TaskDeploymentDescriptor;
  source?(source: Source<any, any, any>): Source<any, any, any>;
}

export const NO_MUTATION: Mutation = {};

/** A task acknowledges although its state is not synced. */
const acknowledgesBeforeDurable: Mutation = {
  fileSystem: (fileSystem) =>
    overriding(fileSystem, {
      syncDirectory: async () => {},
      create: async (path, options) => {
        const writer = await fileSystem.create(path, options);
        return overriding(writer, { sync: async () => {}, close: () => writer.close() });
      },
    }),
};

/** A sink commits when its task has acknowledged, not when the checkpoint is complete. */
const commitsOnAcknowledgement: Mutation = {
  jobMaster: (master, executor) =>
    overriding(master, {
      acknowledgeCheckpoint: (attempt, checkpointId, ...rest) => {
        void executor.notifyCheckpointComplete(attempt, checkpointId);
        master.acknowledgeCheckpoint(attempt, checkpointId, ...rest);
      },
    }),
};

/** Records that come behind a barrier are not held back while others are awaited. */
const doesNotBlockChannels: Mutation = {
  reader: (reader) => {
    let barrier: StreamEvent | undefined;
    const poll = (): ElementBatch | StreamEvent | undefined => {
      const next = barrier ?? reader.poll();
      const isHeld = next === barrier;
      barrier = undefined;
      if (isHeld || next === undefined || !('type' in next) || next.type !== 'CHECKPOINT_BARRIER') return next;
      const behind = reader.poll();
      if (behind === undefined) return next;
      barrier = next;
      return behind;
    };
    return overriding(reader, { poll });
  },
};

/** The records in front of a barrier are not part of an unaligned checkpoint. */
const dropsDataInFlight: Mutation = {
  reader: (reader) => overriding(reader, { captureUntilBarrier: () => new Uint8Array(0) }),
};

/** A subtask restores the keys of one of the old subtasks only. */
const restoresOtherKeyGroups: Mutation = {
  descriptor: (descriptor) => {
    const { restore } = descriptor;
    if (restore === undefined) return descriptor;
    const operators = mapValues(restore.operators, (operator: OperatorRestore) => ({
      ...operator,
      keyed: operator.keyed.slice(0, 1),
    }));
    return { ...descriptor, restore: { ...restore, operators } };
  },
};

/** Timers are not part of a snapshot. */
const forgetsTimers: Mutation = {
  jobMaster: (master) =>
    overriding(master, {
      acknowledgeCheckpoint: (attempt, checkpointId, state, metrics) => {
        const operators = mapValues(state.operators, ({ timers: _, ...rest }: OperatorSubtaskState) => rest);
        master.acknowledgeCheckpoint(attempt, checkpointId, { ...state, operators }, metrics);
      },
    }),
};

/** The enumerator forgets the splits of a reader that goes back to a checkpoint from before it had them. */
const losesSplits: Mutation = {
  source: (source) =>
    overriding(source, {
      createEnumerator: (context) => overriding(source.createEnumerator(context), { addSplitsBack: () => {} }),
      restoreEnumerator: (context, checkpoint) =>
        overriding(source.restoreEnumerator(context, checkpoint), { addSplitsBack: () => {} }),
    }),
};

export const MUTATIONS = {
  'acknowledges before its state is durable': acknowledgesBeforeDurable,
  'commits when a task acknowledges': commitsOnAcknowledgement,
  'does not block channels while barriers are awaited': doesNotBlockChannels,
  'drops data in flight': dropsDataInFlight,
  'restores the keys of one old subtask only': restoresOtherKeyGroups,
  'forgets timers in snapshots': forgetsTimers,
  'does not give splits back': losesSplits,
} as const satisfies Record<string, Mutation>;

/** `target` with other methods in the place of some. */
function overriding<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get: (_, name) => {
      const value = Reflect.get(name in methods ? methods : target, name, name in methods ? methods : target);
      return typeof value === 'function' && !(name in methods) ? value.bind(target) : value;
    },
    set: (_, name, value) => Reflect.set(target, name, value),
  });
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, map: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}
