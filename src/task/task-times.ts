/**
 * How a task spends its time: busy, backpressured, or idle. The three per second sum to 1000, as in Flink.
 * The clock is read only when the condition changes.
 */
import type { Clock } from '../common/index.ts';
import type { MetricGroup } from '../metrics/index.ts';

export type TaskCondition = 'BUSY' | 'BACKPRESSURED' | 'IDLE';

export class TaskTimes {
  private readonly clock: Clock;
  private readonly totalMs: Record<TaskCondition, number> = { BUSY: 0, BACKPRESSURED: 0, IDLE: 0 };
  private condition: TaskCondition = 'IDLE';
  private sinceMs: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.sinceMs = clock.monotonicMs();
  }

  become(condition: TaskCondition): void {
    if (condition === this.condition) return;
    const nowMs = this.clock.monotonicMs();
    this.totalMs[this.condition] += nowMs - this.sinceMs;
    this.condition = condition;
    this.sinceMs = nowMs;
  }

  /** Milliseconds spent in the condition since the task was made. */
  total(condition: TaskCondition): number {
    return this.totalMs[condition] + (condition === this.condition ? this.clock.monotonicMs() - this.sinceMs : 0);
  }

  register(group: MetricGroup): void {
    const names = { BUSY: 'busy', BACKPRESSURED: 'backPressured', IDLE: 'idle' } as const;
    for (const [condition, name] of Object.entries(names) as [TaskCondition, string][]) {
      group.gauge(`accumulate${name[0]?.toUpperCase()}${name.slice(1)}TimeMs`, () => Math.round(this.total(condition)));
      group.meter(`${name}TimeMsPerSecond`, () => this.total(condition));
    }
  }
}
