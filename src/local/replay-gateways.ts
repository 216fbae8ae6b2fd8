/** What the main thread and the thread of a slot say to each other about the program that both of them run. */
import type { JobId, SerializedError } from '../common/index.ts';
import type { JobGraph } from '../graph/index.ts';
import type { DispatcherGateway } from '../protocol/index.ts';
import type { GatewayType } from '../rpc/index.ts';

/** Served by the slot. */
export interface ReplayGateway {
  /**
   * Lets the program go on until it has built this job.
   * @param jobIds of all jobs of the program so far, in the order in which it executed them; the last one is wanted
   * @throws MillraceError `INVALID_PROGRAM` if it does not get there, or builds another job
   */
  prepareJob(jobIds: readonly JobId[], jobGraph: JobGraph): Promise<void>;
}

export const REPLAY_GATEWAY: GatewayType<ReplayGateway> = { name: 'Replay', methods: { prepareJob: 'request' } };

/** Served by the main thread: what a program can learn of its jobs, and where its output goes. */
export interface ProgramGateway
  extends Pick<
    DispatcherGateway,
    'requestJobStatus' | 'requestJobResult' | 'requestJobProgress' | 'requestJobMetrics' | 'requestAccumulators'
  > {
  /** Resolves when there is room for more. */
  writeOutput(stream: 'stdout' | 'stderr', chunk: string | Uint8Array): Promise<void>;
  /** Nobody caught this: the thread ends. */
  failed(error: SerializedError): void;
  /** `process.exit` was called: the thread ends. @param calledAt the program's line */
  exiting(code: number, calledAt: string | undefined): void;
}

export const PROGRAM_GATEWAY: GatewayType<ProgramGateway> = {
  name: 'Program',
  methods: {
    requestJobStatus: 'request',
    requestJobResult: 'request',
    requestJobProgress: 'request',
    requestJobMetrics: 'request',
    requestAccumulators: 'request',
    writeOutput: 'request',
    failed: 'notice',
    exiting: 'notice',
  },
};
