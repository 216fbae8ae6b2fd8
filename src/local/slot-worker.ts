/**
 * The thread of a slot begins here: it runs the program once more, as far as its jobs, and the tasks that the main thread sends.
 *
 * The host that hands jobs over is installed before the program is loaded, and stays: the package's door does not replace it.
 */
import process from 'node:process';
import { workerData } from 'node:worker_threads';
import { installHost } from '../api/index.ts';
import { serializeError, systemPlatform, userFrameOf } from '../common/index.ts';
import { expectNoCollectedValues, standardOutput } from '../connectors/basic/index.ts';
import { SocketSource } from '../connectors/socket/index.ts';
import { portTransport, RpcConnection } from '../rpc/index.ts';
import { serveSlot } from '../taskmanager/index.ts';
import { openCheckpointStorage } from './checkpoint-storage.ts';
import { heapUsage } from './heap-usage.ts';
import { ALL_LOCAL_OPTIONS } from './local-options.ts';
import { ProgramReplay } from './program-replay.ts';
import { importProgram } from './program-source.ts';
import { PROGRAM_GATEWAY, REPLAY_GATEWAY } from './replay-gateways.ts';
import type { SlotWorkerData } from './slot-thread.ts';
import { createSpillStorage } from './spill-storage.ts';
import { redirectOutput } from './worker-output.ts';

const { port, slot, doorbell, logLevel, source, configuration } = workerData as SlotWorkerData;

const connection = new RpcConnection(portTransport(port), { peer: 'the main thread' });
const gateway = connection.gateway(PROGRAM_GATEWAY);
const replay = new ProgramReplay(
  {
    slot,
    load: () => importProgram(source),
    keepAlive: (alive) => (alive ? port.ref() : port.unref()),
  },
  gateway,
);

for (const name of ['stdout', 'stderr'] as const) {
  redirectOutput(
    name,
    (stream, chunk) => gateway.writeOutput(stream, chunk),
    () => replay.isReplaying,
  );
}
const warn = process.listeners('warning');
process.removeAllListeners('warning');
process.on('warning', (warning) => {
  if (!replay.isReplaying) for (const listener of warn) listener(warning);
});

const failed = (error: unknown, isRejection: boolean): void => {
  if (replay.isReplaying) {
    replay.strayFailure(error, isRejection);
    return;
  }
  gateway.failed(serializeError(error));
  process.exit(1);
};
process.on('uncaughtException', (error) => {
  // A program that deals with them itself goes on.
  if (process.listenerCount('uncaughtException') === 1) failed(error, false);
});
process.on('unhandledRejection', (error) => {
  if (process.listenerCount('unhandledRejection') === 1) failed(error, true);
});
process.on('exit', (code) => gateway.exiting(code, userFrameOf(new Error())));
process.on('beforeExit', () => replay.standstill());

expectNoCollectedValues();
installHost({
  random: systemPlatform.random,
  get stdout() {
    return standardOutput('stdout');
  },
  get stderr() {
    return standardOutput('stderr');
  },
  socketTextSource: (host, port, socket) => new SocketSource(host, port, socket),
  configuration,
  options: ALL_LOCAL_OPTIONS,
  isReplay: true,
  execute: replay.execute,
});

serveSlot(
  { slot, doorbell, logLevel },
  {
    platform: systemPlatform,
    connection,
    programOf: (jobId) => replay.programOf(jobId),
    jobReleased: (jobId) => replay.release(jobId),
    openCheckpointStorage,
    createSpillStorage,
    heapUsage,
  },
);
connection.serve(REPLAY_GATEWAY, replay);
