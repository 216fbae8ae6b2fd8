/**
 * Processor time and memory of a contestant: of all processes of its session, from Linux's /proc.
 *
 * A process that has ended counts with what it had used at the last look. Resident memory is added up over the processes, so pages that
 * they share count more than once.
 */
import { readdirSync, readFileSync } from 'node:fs';

const LOOK_EVERY_MS = 100;
/** Linux tells user programs times in hundredths of a second, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

export class ProcessMeter {
  private readonly session: number;
  private readonly ticks = new Map<number, number>();
  private readonly timer: NodeJS.Timeout;
  private peak = 0;

  /** @param session the id of the process that leads the session */
  constructor(session: number) {
    this.session = session;
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  /** User and system time so far. */
  cpuSeconds(): number {
    this.look();
    let sum = 0;
    for (const ticks of this.ticks.values()) sum += ticks;
    return sum / TICKS_PER_SECOND;
  }

  /** The most resident memory at any look. */
  get peakBytes(): number {
    return this.peak;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    let pages = 0;
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      const fields = statFields(name);
      if (fields === undefined || Number(fields[3]) !== this.session) continue;
      this.ticks.set(Number(name), Number(fields[11]) + Number(fields[12]));
      pages += Number(fields[21]);
    }
    this.peak = Math.max(this.peak, pages * PAGE_BYTES);
  }
}

/** The fields of /proc/PID/stat from the third on (state); the name before them may hold spaces. */
function statFields(pid: string): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined; // it has ended between the listing and now
  }
}
