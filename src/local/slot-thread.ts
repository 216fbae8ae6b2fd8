/** Starts the worker thread of a slot, and finds out why it ended. */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { LogLevel } from '../common/index.ts';
import { portTransport, RpcConnection } from '../rpc/index.ts';
import type { SlotThread } from '../taskmanager/index.ts';
import { slotWorkerModule } from './package-modules.ts';
import type { ProgramSource } from './program-source.ts';
import { PROGRAM_GATEWAY, type ProgramGateway } from './replay-gateways.ts';

/** What the thread begins with. */
export interface SlotWorkerData {
  readonly port: MessagePort;
  readonly slot: number;
  readonly doorbell: SharedArrayBuffer;
  readonly logLevel: LogLevel;
  readonly source: ProgramSource;
  readonly configuration: Readonly<Record<string, unknown>>;
}

export interface SlotThreadOptions extends Omit<SlotWorkerData, 'port'> {
  /** Limit of the JavaScript heap of the thread; as the process's unless given. */
  readonly heapMegabytes?: number;
}

export type ProgramAnswers = Omit<ProgramGateway, 'failed' | 'exiting'>;

export function startSlotThread({ heapMegabytes, ...options }: SlotThreadOptions, answers: ProgramAnswers): SlotThread {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(slotWorkerModule(), {
    workerData: { ...options, port: port2 } satisfies SlotWorkerData,
    transferList: [port2],
    name: `slot ${options.slot}`,
    ...(heapMegabytes === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMegabytes } }),
  });
  const drained = Promise.withResolvers<void>();
  port1.on('close', drained.resolve);
  const connection = new RpcConnection(portTransport(port1, { tellsClose: false }), { peer: `slot ${options.slot}` });
  let reason: string | undefined;
  connection.serve(PROGRAM_GATEWAY, {
    ...answers,
    failed(error) {
      const { name, message } = error;
      reason ??= `an error was thrown that nothing caught: ${name === 'MillraceError' ? '' : `${name}: `}${message}`;
    },
    exiting(code, calledAt) {
      reason ??= `process.exit(${code}) was called${calledAt === undefined ? '' : ` at ${calledAt}`}`;
    },
  });
  worker.on('error', (error: Error & { code?: string }) => {
    reason ??= error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? outOfMemory(heapMegabytes) : `its thread failed: ${error.message}`;
  });
  const exited = Promise.withResolvers<number>();
  worker.on('exit', exited.resolve);
  // What the thread said last may still be on its way when it has ended.
  const ended = Promise.all([exited.promise, drained.promise]).then(
    ([code]) => reason ?? `its thread ended with exit code ${code}`,
  );
  return {
    connection,
    ended,
    keepAlive(alive) {
      for (const handle of [worker, port1])
        if (alive) handle.ref();
        else handle.unref();
    },
    async terminate() {
      await worker.terminate();
    },
  };
}

function outOfMemory(heapMegabytes: number | undefined): string {
  const [limit, more] =
    heapMegabytes === undefined
      ? ['the heap of a thread', 'NODE_OPTIONS=--max-old-space-size=<megabytes>']
      : [`the heap of a thread, ${heapMegabytes} MB of taskmanager.memory.process.size`, 'that option'];
  return `its thread ran out of memory: raise the limit of ${limit} by ${more}, or keep less in memory`;
}
