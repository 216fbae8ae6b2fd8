/**
 * The slots of a process, each on a thread of its own. A slot is started when it is first needed, and anew after it was lost.
 *
 * A thread that ends (an error that nobody caught, `process.exit` in a function of the program, no memory left, stopped by force) is
 * noticed at once: whatever was asked of it fails, and every job that runs here is told. When no job runs, the threads
 * keep the process alive no longer, and end after a while; until then the next job of the program finds them ready.
 */
import { type Clock, type JobId, MillraceError, type TimerHandle } from '../../common/index.ts';
import { createDoorbell } from '../../network/index.ts';
import type { JobMasterGateway } from '../../protocol/index.ts';
import type { RpcConnection } from '../../rpc/index.ts';
import { SLOT_GATEWAY, SLOT_MASTER_GATEWAY, type SlotGateway, type SlotMasterGateway } from './slot-gateways.ts';

/** A thread that runs a slot. */
export interface SlotThread {
  readonly connection: RpcConnection;
  /** Resolves when it has ended, with why, as in 'it ran out of memory'. */
  readonly ended: Promise<string>;
  /** Whether the process stays alive for it. */
  keepAlive(alive: boolean): void;
  /** Ends it whatever it does. */
  terminate(): Promise<void>;
}

export interface SlotPoolDependencies {
  readonly clock: Clock;
  readonly log: SlotMasterGateway['log'];
  startThread(slot: number, doorbell: SharedArrayBuffer): SlotThread;
}

export interface Slot {
  readonly index: number;
  readonly connection: RpcConnection;
  readonly gateway: SlotGateway;
  /** @param reason completes the sentence 'Slot 1 was lost: …' */
  terminate(reason: string): void;
}

/** What a job learns of the slots. */
export interface JobInSlots {
  readonly jobMaster: JobMasterGateway;
  slotLost(slot: Slot, error: MillraceError): void;
}

interface RunningSlot {
  readonly slot: Slot;
  readonly thread: SlotThread;
}

const IDLE_MS = 1_000;

export class SlotPool {
  private readonly dependencies: SlotPoolDependencies;
  private readonly slots = new Map<number, RunningSlot>();
  private readonly doorbells = new Map<number, SharedArrayBuffer>();
  private readonly jobs = new Map<JobId, JobInSlots>();
  private idle: TimerHandle | undefined;

  constructor(dependencies: SlotPoolDependencies) {
    this.dependencies = dependencies;
  }

  /** From now on the job is told of lost slots, and its master gets what its tasks report. */
  addJob(jobId: JobId, job: JobInSlots): void {
    this.jobs.set(jobId, job);
    this.idle?.cancel();
    this.idle = undefined;
    for (const { thread } of this.slots.values()) thread.keepAlive(true);
  }

  removeJob(jobId: JobId): void {
    this.jobs.delete(jobId);
    if (this.jobs.size > 0) return;
    for (const { thread } of this.slots.values()) thread.keepAlive(false);
    this.idle?.cancel();
    this.idle = this.dependencies.clock.setTimer(IDLE_MS, () => this.close(), { unref: true });
  }

  /** The slot, which is started if it does not run. */
  slot(index: number): Slot {
    return (this.slots.get(index) ?? this.start(index)).slot;
  }

  /** The same for all threads that run this slot, one after the other. */
  doorbell(index: number): SharedArrayBuffer {
    let doorbell = this.doorbells.get(index);
    if (doorbell === undefined) this.doorbells.set(index, (doorbell = createDoorbell()));
    return doorbell;
  }

  private close(): void {
    for (const { slot } of [...this.slots.values()]) slot.terminate('no job needs it');
  }

  private start(index: number): RunningSlot {
    const thread = this.dependencies.startThread(index, this.doorbell(index));
    const { connection } = thread;
    let forced: string | undefined;
    const slot: Slot = {
      index,
      connection,
      gateway: connection.gateway(SLOT_GATEWAY),
      terminate: (reason) => {
        forced ??= reason;
        lose(reason);
        void thread.terminate();
      },
    };
    const running: RunningSlot = { slot, thread };
    const lose = (reason: string): void => {
      if (this.slots.get(index) !== running) return;
      this.slots.delete(index);
      const error = new MillraceError('CONNECTION_LOST', `Slot ${index} was lost: ${forced ?? reason}.`, {
        context: { slot: index },
      });
      for (const job of [...this.jobs.values()]) job.slotLost(slot, error);
      connection.close(error);
    };
    void thread.ended.then(lose);
    // The end of the thread ends the connection; the other way round, a connection that broke leaves nothing to do for the thread.
    void connection.closed.then((error) => {
      forced ??= error.message;
      void thread.terminate();
    });
    connection.serve(SLOT_MASTER_GATEWAY, this.master());
    thread.keepAlive(true);
    this.slots.set(index, running);
    return running;
  }

  private master(): SlotMasterGateway {
    const of = (jobId: JobId): JobMasterGateway | undefined => this.jobs.get(jobId)?.jobMaster;
    return {
      updateTaskState: (report) => of(report.attempt.jobId)?.updateTaskState(report),
      operatorEventFromTask: (attempt, ...rest) => of(attempt.jobId)?.operatorEventFromTask(attempt, ...rest),
      acknowledgeCheckpoint: (attempt, ...rest) => of(attempt.jobId)?.acknowledgeCheckpoint(attempt, ...rest),
      declineCheckpoint: (attempt, ...rest) => of(attempt.jobId)?.declineCheckpoint(attempt, ...rest),
      endOfDataReached: (attempt) => of(attempt.jobId)?.endOfDataReached(attempt),
      log: this.dependencies.log,
    };
  }
}
