/**
 * What a contestant has put out, held against the truth.
 *
 * A line is `w,campaign,window start,views,written at` or `p,campaign,event time,1,written at`. A window may be written more than once
 * (an upsert, or a repetition after a failure): the last line counts, and its time is that of the first line with the last value.
 * The time is the broker's: when the line was appended, and so visible.
 */
import type { AppendedValue } from './broker.ts';
import { WINDOW_MS } from './settings.ts';
import type { CountedWindow } from './view-counts.ts';

interface WindowResult {
  readonly windowStartMs: number;
  readonly views: number;
  readonly atMs: number;
}

export class Results {
  firstMs = Number.NaN;
  lastMs = Number.NaN;
  lines = 0;
  private readonly windows = new Map<string, WindowResult>();
  private readonly passedMs: { readonly eventMs: number; readonly atMs: number }[] = [];
  private truth: ReadonlyMap<string, number> | undefined;
  private right = 0;

  /** From now on it is known whether the results are complete. */
  compareWith(windows: readonly CountedWindow[]): void {
    this.truth = new Map(windows.map(({ campaign, windowStartMs, views }) => [`${campaign},${windowStartMs}`, views]));
    this.right = 0;
    for (const [key, { views }] of this.windows) if (this.truth.get(key) === views) this.right++;
  }

  add({ value, timestampMs }: AppendedValue): void {
    this.lines++;
    if (this.lines === 1) this.firstMs = timestampMs;
    this.lastMs = timestampMs;
    const [kind, campaign = '', timeText = '', viewsText] = value.toString('latin1').split(',');
    const timeMs = Number(timeText);
    if (kind === 'p') {
      this.passedMs.push({ eventMs: timeMs, atMs: timestampMs });
      return;
    }
    const key = `${campaign},${timeText}`;
    const views = Number(viewsText);
    const before = this.windows.get(key);
    if (before?.views === views) return;
    this.windows.set(key, { windowStartMs: timeMs, views, atMs: timestampMs });
    const truth = this.truth?.get(key);
    if (truth === undefined) return;
    if (before?.views === truth) this.right--;
    if (views === truth) this.right++;
  }

  get isComplete(): boolean {
    return this.truth !== undefined && this.right === this.truth.size && this.windows.size === this.truth.size;
  }

  /** What is wrong with the results; undefined if nothing is. */
  fault(): string | undefined {
    const { truth } = this;
    if (truth === undefined || this.isComplete) return undefined;
    const missing = [...truth.keys()].filter((key) => !this.windows.has(key)).length;
    const more = [...this.windows.keys()].filter((key) => !truth.has(key)).length;
    const other = truth.size - missing - this.right;
    return `of ${truth.size} windows ${missing} are missing and ${other} have another count; ${more} should not be there`;
  }

  /** When the last window got the value that it has. */
  get finalMs(): number {
    let latest = Number.NEGATIVE_INFINITY;
    for (const { atMs } of this.windows.values()) if (atMs > latest) latest = atMs;
    return latest;
  }

  /** From the end of a window until its final result was there, for windows that end in the time given. */
  windowLatenciesMs(fromMs: number, toMs: number): number[] {
    return [...this.windows.values()]
      .map(({ windowStartMs, atMs }) => ({ endMs: windowStartMs + WINDOW_MS, atMs }))
      .filter(({ endMs }) => endMs > fromMs && endMs <= toMs)
      .map(({ endMs, atMs }) => atMs - endMs);
  }

  /** From the time of an event until it was there, for events of the time given. */
  passedLatenciesMs(fromMs: number, toMs: number): number[] {
    return this.passedMs.filter(({ eventMs }) => eventMs >= fromMs && eventMs <= toMs).map(({ eventMs, atMs }) => atMs - eventMs);
  }
}
