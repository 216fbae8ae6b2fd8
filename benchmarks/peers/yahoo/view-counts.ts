/** Views per campaign and window: the truth, as the generator knows it, in a form that can be sent between processes. */
import { CAMPAIGNS, WINDOW_MS } from './settings.ts';

export interface CountedWindow {
  readonly campaign: string;
  readonly windowStartMs: number;
  readonly views: number;
}

export class ViewCounts {
  private readonly campaigns: readonly string[];
  private readonly windows = new Map<number, Int32Array>();
  private newestStartMs = Number.NaN;
  private newest: Int32Array = new Int32Array(CAMPAIGNS);

  constructor(campaigns: readonly string[]) {
    this.campaigns = campaigns;
  }

  add(campaign: number, eventMs: number): void {
    const startMs = eventMs - (eventMs % WINDOW_MS);
    if (startMs !== this.newestStartMs) {
      this.newestStartMs = startMs;
      this.newest = this.windows.get(startMs) ?? new Int32Array(CAMPAIGNS);
      this.windows.set(startMs, this.newest);
    }
    this.newest[campaign] = (this.newest[campaign] as number) + 1;
  }

  /** Only campaigns with views have a window. */
  *[Symbol.iterator](): Generator<CountedWindow> {
    for (const [windowStartMs, counts] of this.windows) {
      for (const [i, campaign] of this.campaigns.entries()) {
        const views = counts[i] as number;
        if (views > 0) yield { campaign, windowStartMs, views };
      }
    }
  }
}
