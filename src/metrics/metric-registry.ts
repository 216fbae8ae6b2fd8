/**
 * The registry of all metrics of a process, and the groups through which code registers them.
 *
 * A metric's full name is its group's scope, then its name, joined by dots: `<job>.<task>.<subtask>.<operator>.<name>`.
 * Registering a name twice in one group hands back the existing metric if the kinds agree: an operator that is opened
 * again after a restart goes on with its counters.
 */
import { type Clock, MillraceError } from '../common/index.ts';
import { Counter, CounterView, type Gauge, Histogram, Meter, type Metric } from './metrics.ts';

export interface RegisteredMetric {
  readonly scope: readonly string[];
  readonly name: string;
  readonly metric: Metric;
}

export interface MetricGroup {
  readonly scope: readonly string[];
  /** A group one level below. */
  addGroup(name: string): MetricGroup;
  counter(name: string): Counter;
  /** A counter whose value `read` returns. */
  counterOf(name: string, read: () => number): Counter;
  gauge<T>(name: string, read: () => T): Gauge<T>;
  /** A rate over the last minute, of a count that `read` returns. */
  meter(name: string, read: () => number): Meter;
  histogram(name: string, size?: number): Histogram;
}

export class MetricRegistry {
  private readonly metrics = new Map<string, RegisteredMetric>();
  private readonly meters: Meter[] = [];
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  group(...scope: string[]): MetricGroup {
    const register = <M extends Metric>(name: string, kind: (m: Metric) => m is M, make: () => M): M => {
      if (name === '') throw new MillraceError('INVALID_OPTION', `A metric of group '${scope.join('.')}' has an empty name.`);
      const id = [...scope, name].join('.');
      const known = this.metrics.get(id);
      if (known) {
        if (kind(known.metric)) return known.metric;
        throw new MillraceError('INVALID_OPTION', `Metric '${id}' is registered already, as another kind. Choose another name.`);
      }
      const metric = make();
      this.metrics.set(id, { scope, name, metric });
      return metric;
    };
    return {
      scope,
      addGroup: (name) => this.group(...scope, name),
      counter: (name) =>
        register(
          name,
          (m) => m instanceof Counter,
          () => new Counter(),
        ),
      counterOf: (name, read) =>
        register(
          name,
          (m) => m instanceof Counter,
          () => new CounterView(read),
        ),
      gauge: <T>(name: string, read: () => T) => {
        const id = [...scope, name].join('.');
        this.metrics.set(id, { scope, name, metric: { getValue: read } });
        return (this.metrics.get(id) as RegisteredMetric).metric as Gauge<T>;
      },
      meter: (name, read) =>
        register(
          name,
          (m) => m instanceof Meter,
          () => {
            const meter = new Meter(read);
            meter.sample(this.clock.monotonicMs());
            this.meters.push(meter);
            return meter;
          },
        ),
      histogram: (name, size) =>
        register(
          name,
          (m) => m instanceof Histogram,
          () => new Histogram(size),
        ),
    };
  }

  /** Takes a sample for every meter; call it every few seconds. */
  sampleMeters(): void {
    const nowMs = this.clock.monotonicMs();
    for (const meter of this.meters) meter.sample(nowMs);
  }

  /** Forgets all metrics whose scope begins so: what registered them is gone. */
  remove(...scope: string[]): void {
    for (const [id, registered] of this.metrics) {
      if (!scope.every((part, i) => registered.scope[i] === part)) continue;
      this.metrics.delete(id);
      const at = this.meters.indexOf(registered.metric as Meter);
      if (at >= 0) this.meters.splice(at, 1);
    }
  }

  all(): IterableIterator<RegisteredMetric> {
    return this.metrics.values();
  }

  /** The present value of every metric under its full name: numbers for counters and meters (rates), gauges as they are. */
  snapshot(): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    for (const [id, { metric }] of this.metrics) out[id] = metricValue(metric);
    return out;
  }
}

/** What a metric shows: a counter its count, a meter its rate, a gauge its value, a histogram its statistics. */
export function metricValue(metric: Metric): unknown {
  if (metric instanceof Counter) return metric.getCount();
  if (metric instanceof Meter) return metric.getRate();
  if (metric instanceof Histogram) {
    const s = metric.getStatistics();
    return {
      count: s.count,
      min: s.min,
      max: s.max,
      mean: s.mean,
      p50: s.quantile(0.5),
      p95: s.quantile(0.95),
      p99: s.quantile(0.99),
    };
  }
  return metric.getValue();
}
