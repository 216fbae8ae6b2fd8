/**
 * The four kinds of metric, as in Flink: counter, gauge, meter, histogram.
 * Updating one costs a few nanoseconds and allocates nothing; all arithmetic is done by who reads.
 */

export class Counter {
  private value = 0;

  inc(n = 1): void {
    this.value += n;
  }

  dec(n = 1): void {
    this.value -= n;
  }

  getCount(): number {
    return this.value;
  }
}

/** A counter that is kept elsewhere, in a form that is faster to update. */
export class CounterView extends Counter {
  private readonly read: () => number;

  constructor(read: () => number) {
    super();
    this.read = read;
  }

  override getCount(): number {
    return super.getCount() + this.read();
  }
}

export interface Gauge<T> {
  getValue(): T;
}

/** Events per second over the last `spanMs`, from the samples that the registry takes. */
export class Meter {
  private readonly read: () => number;
  private readonly spanMs: number;
  private readonly samples: { atMs: number; count: number }[] = [];

  constructor(read: () => number, spanMs = 60_000) {
    this.read = read;
    this.spanMs = spanMs;
  }

  getCount(): number {
    return this.read();
  }

  /** Takes a sample; the registry calls it every few seconds. */
  sample(nowMs: number): void {
    this.samples.push({ atMs: nowMs, count: this.read() });
    while (this.samples.length > 2 && (this.samples[1] as { atMs: number }).atMs <= nowMs - this.spanMs) this.samples.shift();
  }

  getRate(): number {
    const first = this.samples[0];
    const last = this.samples[this.samples.length - 1];
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
    return ((last.count - first.count) * 1000) / (last.atMs - first.atMs);
  }
}

export interface HistogramStatistics {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly stddev: number;
  /** @param q between 0 and 1 */
  quantile(q: number): number;
}

/** Keeps the last `size` values (a sliding window, as Flink's own histograms) and computes statistics when read. */
export class Histogram {
  private readonly window: Float64Array;
  private count = 0;

  constructor(size = 1024) {
    this.window = new Float64Array(size);
  }

  update(value: number): void {
    this.window[this.count++ % this.window.length] = value;
  }

  getCount(): number {
    return this.count;
  }

  getStatistics(): HistogramStatistics {
    const sorted = this.window.slice(0, Math.min(this.count, this.window.length)).sort();
    const n = sorted.length;
    const mean = n === 0 ? 0 : sorted.reduce((a, b) => a + b, 0) / n;
    const variance = n < 2 ? 0 : sorted.reduce((a, b) => a + (b - mean) ** 2, 0) / (n - 1);
    return {
      count: n,
      min: sorted[0] ?? 0,
      max: sorted[n - 1] ?? 0,
      mean,
      stddev: Math.sqrt(variance),
      quantile: (q) => sorted[Math.min(n - 1, Math.max(0, Math.ceil(q * n) - 1))] ?? 0,
    };
  }
}

export type Metric = Counter | Gauge<unknown> | Meter | Histogram;
