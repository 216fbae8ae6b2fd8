export { type MetricGroup, MetricRegistry, metricValue, type RegisteredMetric } from './metric-registry.ts';
export { Counter, CounterView, type Gauge, Histogram, type HistogramStatistics, Meter, type Metric } from './metrics.ts';
