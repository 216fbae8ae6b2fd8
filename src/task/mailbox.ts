/**
 * The mailbox of a task: everything that must run on the task's thread but does not come with the records (timers,
 * completions of asynchronous calls, messages of the coordinator) is a mail.
 *
 * Threading model: a task is one loop that takes a batch of input, processes it, and runs the mails that came in between.
 * Mails therefore never interrupt a record, and neither mails nor records need locks. A mail may come from any callback of
 * the event loop; `post` wakes the task if it sleeps. The hot path checks one length.
 */
export type Mail = () => void;

export class Mailbox {
  private mails: Mail[] = [];
  private readonly wake: () => void;

  constructor(wake: () => void) {
    this.wake = wake;
  }

  get isEmpty(): boolean {
    return this.mails.length === 0;
  }

  post(mail: Mail): void {
    this.mails.push(mail);
    this.wake();
  }

  /**
   * Runs the mails that are there now; those that they post run the next time.
   * @param isHeld asked before each: whether it and those behind it have to wait
   */
  runAll(isHeld: () => boolean = () => false): void {
    const mails = this.mails;
    this.mails = [];
    for (let i = 0; i < mails.length; i++) {
      if (isHeld()) {
        this.mails.unshift(...mails.slice(i));
        return;
      }
      try {
        (mails[i] as Mail)();
      } catch (error) {
        this.mails.unshift(...mails.slice(i + 1));
        throw error;
      }
    }
  }

  /** Drops what is left; the task has ended. */
  clear(): void {
    this.mails = [];
  }
}
