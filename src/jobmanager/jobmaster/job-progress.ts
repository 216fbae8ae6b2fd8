/** Sums up where a job stands from the metrics of its sources and sinks. */
import type { Source } from '../../connector/index.ts';
import { operatorScope } from '../../graph/index.ts';
import { type MetricRegistry, metricValue } from '../../metrics/index.ts';
import type { JobProgress } from '../../protocol/index.ts';
import type { JobMaster } from './job-master.ts';

export function jobProgress(
  job: JobMaster,
  metrics: MetricRegistry,
  sourceOf: (operatorId: string) => Source<unknown> | undefined,
): JobProgress {
  const { vertices } = job.executionGraph;
  const values = new Map<string, unknown>();
  for (const { scope, name, metric } of metrics.all()) {
    if (scope[0] === job.jobId) values.set([...scope.slice(1), name].join('\u0000'), metricValue(metric));
  }
  const read = (task: string, operator: string, metric: string): number => {
    const value = values.get([task, '0', operator, metric].join('\u0000'));
    return typeof value === 'number' ? value : 0;
  };
  let recordsIn = 0;
  let bytesIn = 0;
  let recordsOut = 0;
  let watermark = Number.POSITIVE_INFINITY;
  let done = 0;
  let total: number | undefined = 0;
  for (const { vertex, taskName } of vertices) {
    for (const operator of vertex.operators) {
      const scope = operatorScope(vertex, operator);
      if (operator.kind === 'SOURCE') {
        recordsIn += read(taskName, scope, 'numRecordsIn');
        bytesIn += read(taskName, scope, 'numBytesIn');
        const progress = sourceOf(operator.operatorId)?.progress?.();
        if (progress === undefined) total = undefined;
        else if (total !== undefined) {
          done += progress.done;
          total += progress.total;
        }
      } else if (operator.kind === 'SINK') {
        recordsOut += read(taskName, scope, 'numRecordsIn');
        watermark = Math.min(watermark, read(taskName, scope, 'currentInputWatermark'));
      }
    }
  }
  return {
    recordsIn,
    bytesIn,
    recordsOut,
    watermark,
    ...(total ? { fraction: Math.min(1, done / total) } : {}),
    runtimeMs: job.runtimeMs,
  };
}
