/**
 * Processing time of one operator: callbacks come as mails on the task's thread, and none after `stop`.
 */
import type { Clock, TimerHandle } from '../common/index.ts';
import type { ProcessingTimeService } from './internal-timer-service.ts';
import type { MailboxExecutor } from './operator.ts';

export class OperatorTimers implements ProcessingTimeService {
  private readonly clock: Clock;
  private readonly mailbox: MailboxExecutor;
  private readonly attribute: (thrown: unknown) => Error;
  private readonly pending = new Set<TimerHandle>();
  private stopped = false;

  /** @param attribute makes the error of the operator out of what a callback threw */
  constructor(clock: Clock, mailbox: MailboxExecutor, attribute: (thrown: unknown) => Error) {
    this.clock = clock;
    this.mailbox = mailbox;
    this.attribute = attribute;
  }

  currentTimeMs(): number {
    return this.clock.currentTimeMs();
  }

  schedule(delayMs: number, callback: () => void): TimerHandle {
    if (this.stopped) return { cancel: () => {} };
    const handle = this.clock.setTimer(delayMs, () => {
      this.mailbox.execute(() => {
        if (!this.pending.delete(handle)) return;
        try {
          callback();
        } catch (error) {
          throw this.attribute(error);
        }
      });
    });
    this.pending.add(handle);
    return {
      cancel: () => {
        this.pending.delete(handle);
        handle.cancel();
      },
    };
  }

  stop(): void {
    this.stopped = true;
    for (const handle of this.pending) handle.cancel();
    this.pending.clear();
  }
}
