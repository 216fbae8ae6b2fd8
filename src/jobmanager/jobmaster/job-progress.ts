/** Sums up where a job stands from the metrics of its sources and sinks. */
import { operatorScope } from '../../graph/index.ts';
import type { JobProgress, MetricSample } from '../../protocol/index.ts';
import type { JobMaster } from './job-master.ts';

export function jobProgress(job: JobMaster, samples: readonly MetricSample[]): JobProgress {
  const values = new Map<string, unknown>();
  for (const { scope, name, value } of samples) values.set([...scope, name].join('\u0000'), value);
  let recordsIn = 0;
  let bytesIn = 0;
  let recordsOut = 0;
  let watermark = Number.POSITIVE_INFINITY;
  let done = 0;
  let total: number | undefined = 0;
  for (const { vertex, taskName, subtaskIndex } of job.executionGraph.vertices) {
    for (const operator of vertex.operators) {
      const scope = operatorScope(vertex, operator);
      const read = (metric: string): number | undefined => {
        const value = values.get([taskName, String(subtaskIndex), scope, metric].join('\u0000'));
        return typeof value === 'number' ? value : undefined;
      };
      if (operator.kind === 'SOURCE') {
        recordsIn += read('numRecordsIn') ?? 0;
        bytesIn += read('numBytesIn') ?? 0;
        const ofSubtask = read('progressTotal');
        if (ofSubtask === undefined || Number.isNaN(ofSubtask)) total = undefined;
        else if (total !== undefined) {
          done += read('progressDone') ?? 0;
          total += ofSubtask;
        }
      } else if (operator.kind === 'SINK') {
        recordsOut += read('numRecordsIn') ?? 0;
        watermark = Math.min(watermark, read('currentInputWatermark') ?? Number.NEGATIVE_INFINITY);
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
