/**
 * The job of a large-state run, in a process of its own: killed by `run-scenario.ts` once, and started again.
 *
 * Says how it goes on stdout, a line of JSON at a time. Usage: `node job.ts OPTIONS`, the latter as JSON.
 */
import { join } from 'node:path';
import process from 'node:process';
import { DataGeneratorSource, StreamExecutionEnvironment, TumblingEventTimeWindows, WatermarkStrategy } from 'millrace';
import type { JobOptions, JobReport } from './job-report.ts';
import { PauseMeter } from './pause-meter.ts';
import { addTo, type Digest, type Item, itemAt, NO_RESULTS, recordCount } from './records.ts';
import { SCENARIOS } from './scenarios.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as JobOptions;
const { scenario, workload } = options;
const records = recordCount(workload);
const REPORTS = 100;

const report = (line: JobReport): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const meter = new PauseMeter();

const env = StreamExecutionEnvironment.getExecutionEnvironment({
  'state.backend.type': 'hashlog',
  'taskmanager.memory.process.size': options.memoryBytes,
  'taskmanager.memory.managed.size': options.managedBytes ?? 0,
  'execution.checkpointing.interval': `${options.checkpointIntervalMs} ms`,
  'execution.checkpointing.timeout': '30 min',
  'execution.checkpointing.dir': join(options.folder, 'checkpoints'),
  'execution.checkpointing.num-retained': 1,
  'execution.checkpointing.externalized-checkpoint-retention': 'RETAIN_ON_CANCELLATION',
  ...(options.restorePath === undefined ? {} : { 'execution.state-recovery.path': options.restorePath }),
});

const source = new DataGeneratorSource((index) => itemAt(index, workload), records);
const strategy = WatermarkStrategy.forMonotonousTimestamps<Item>().withTimestampAssigner((item) => item.index);
const items = env
  .fromSource(source, strategy, 'Items')
  .uid('items')
  .map<Item>({
    initializeState() {},
    snapshotState: () => meter.snapshotStarts(),
    map(item) {
      const { index } = item;
      if (Math.floor((index * REPORTS) / records) < Math.floor(((index + 1) * REPORTS) / records)) {
        report({ type: 'PROGRESS', done: (index + 1) / records, rssBytes: process.memoryUsage.rss() });
      }
      return item;
    },
  })
  .uid('progress');

const [digest] = await SCENARIOS[scenario]
  .build(items, workload, () => meter.seen())
  .windowAll(TumblingEventTimeWindows.of(2 ** 50))
  .aggregate({
    createAccumulator: (): Digest => NO_RESULTS,
    add: (result, sum) => addTo(sum, result),
    getResult: (sum) => sum,
    merge: (a, b) => ({ count: a.count + b.count, sum: (a.sum + b.sum) >>> 0 }),
  })
  .uid('digest')
  .executeAndCollect();
report({
  type: 'RESULT',
  digest: digest ?? NO_RESULTS,
  pauses: meter.pauses(),
  peakRssBytes: process.resourceUsage().maxRSS * 1024,
});
