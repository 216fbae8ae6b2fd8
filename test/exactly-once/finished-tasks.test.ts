/** What a task does that had finished before the checkpoint that its job goes on from. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { installedHost, installHost } from '../../src/api/index.ts';
import { seededRandom, silentLogger } from '../../src/common/index.ts';
import { StreamExecutionEnvironment } from '../../src/index.ts';
import { MemorySpillStorage } from '../../src/memory/index.ts';
import { MetricRegistry } from '../../src/metrics/index.ts';
import { LocalChannel } from '../../src/network/index.ts';
import type { Program } from '../../src/operators/index.ts';
import type { JobSubmission, TaskDeploymentDescriptor } from '../../src/protocol/index.ts';
import { LocalChannels, TaskExecutor } from '../../src/taskmanager/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

/** The job of a source and an operator in a task of its own, and the descriptor of the source's task. */
function sourceTask(): { program: Program; descriptor: TaskDeploymentDescriptor } {
  let built: { readonly submission: JobSubmission; readonly program: Program } | undefined;
  const host = installedHost();
  const env = StreamExecutionEnvironment.getExecutionEnvironment({ 'execution.checkpointing.interval': '1 s' });
  env.fromElements(1, 2, 3).rebalance().discard().disableChaining();
  installHost({
    ...host,
    execute: (submission, program) => {
      built = { submission, program };
      return new Promise(() => {});
    },
  });
  void env.executeAsync();
  installHost(host);
  const { submission, program } = built as NonNullable<typeof built>;
  const { jobGraph, settings } = submission;
  const [vertex, consumer] = jobGraph.vertices;
  const [edge] = jobGraph.edges;
  assert.ok(vertex && consumer && edge);
  const connection = {
    edge,
    edgeIndex: 0,
    targetOperatorId: consumer.operators[0]?.operatorId as string,
    positionOfInput: 0,
    producerParallelism: 1,
    consumerParallelism: 1,
    consumerMaxParallelism: consumer.maxParallelism,
    peerSlots: [0],
  };
  return {
    program,
    descriptor: {
      attempt: { jobId: jobGraph.jobId, vertexId: vertex.id, subtaskIndex: 0, attemptNumber: 1 },
      jobName: jobGraph.name,
      taskName: vertex.name,
      vertex,
      parallelism: 1,
      slot: 0,
      consumes: [],
      produces: [connection],
      settings,
      restore: { checkpointId: 1, operators: {}, finished: true },
    },
  };
}

test('it closes event time again, because no one may have heard of it, and ends without reading anything', async () => {
  const { program, descriptor } = sourceTask();
  const clock = new VirtualClock();
  const channel = new LocalChannel();
  const states: string[] = [];
  const executor = new TaskExecutor({
    platform: { clock, scheduler: clock, random: seededRandom(1) },
    logger: silentLogger,
    metrics: new MetricRegistry(clock),
    channels: Object.assign(new LocalChannels(), { writer: () => channel }),
    createSpillStorage: () => new MemorySpillStorage(),
    programOf: () => program,
    jobMasterOf: () => ({
      updateTaskState: ({ state }) => void states.push(state),
      operatorEventFromTask: () => {},
      acknowledgeCheckpoint: () => assert.fail('there is no checkpoint'),
      declineCheckpoint: () => assert.fail('there is no checkpoint'),
      endOfDataReached: () => assert.fail('it waits for no checkpoint'),
    }),
    checkpointStorageOf: () => ({ openOutput: () => assert.fail('there is no checkpoint'), input: {} as never }),
  });
  await executor.submitTask(descriptor);
  await executor.startTask(descriptor.attempt);
  await clock.advanceByAsync(1000);
  const elements = Array.from({ length: 4 }, () => channel.poll());
  assert.deepEqual(elements, [
    { type: 'WATERMARK', timestamp: Number.POSITIVE_INFINITY },
    { type: 'END_OF_DATA' },
    { type: 'END_OF_PARTITION' },
    undefined,
  ]);
  assert.deepEqual(states, ['INITIALIZING', 'RUNNING', 'FINISHED']);
});
