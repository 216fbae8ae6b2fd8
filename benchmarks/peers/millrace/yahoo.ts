/**
 * Yahoo's benchmark on Millrace, in one process with one slot per partition. The same job as its peers': the intervals of watermarks and checkpoints and
 * the timeout of buffers are theirs.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { StreamExecutionEnvironment, TumblingEventTimeWindows, type TypeOf, Types, WatermarkStrategy } from 'millrace';
import { jsonFormat } from 'millrace/formats';
import { KafkaSink, KafkaSource } from 'millrace/kafka';
import { loadCampaigns } from './campaigns.ts';

const WINDOW_MS = 10_000;

const AD_EVENT = Types.OBJECT({ ad_id: Types.STRING, event_type: Types.STRING, event_time: Types.TIMESTAMP });
type AdEvent = TypeOf<typeof AD_EVENT>;

interface View {
  readonly campaign: string;
  readonly eventMs: number;
}

const {
  PEERS_BOOTSTRAP = '',
  PEERS_REDIS = '',
  PEERS_INPUT = '',
  PEERS_OUTPUT = '',
  PEERS_PROBE = '',
  PEERS_FOLDER = '',
} = process.env;
const campaignOf = await loadCampaigns(PEERS_REDIS);

const env = StreamExecutionEnvironment.getExecutionEnvironment({
  'parallelism.default': Number(process.env.PEERS_PARALLELISM),
  'execution.checkpointing.interval': `${process.env.PEERS_CHECKPOINT_MS} ms`,
  'execution.checkpointing.dir': join(PEERS_FOLDER, 'checkpoints'),
  'execution.buffer-timeout.interval': '5 ms',
  'pipeline.auto-watermark-interval': '10 ms',
  'taskmanager.memory.process.size': `${process.env.PEERS_HEAP_MB} mb`,
});

let isReading = false;

const views = env
  .fromSource(
    KafkaSource.forValues(jsonFormat({ schema: AD_EVENT }), {
      bootstrapServers: PEERS_BOOTSTRAP,
      topics: PEERS_INPUT,
      groupId: 'yahoo-millrace',
    }),
    WatermarkStrategy.forMonotonousTimestamps<AdEvent>((event) => event.event_time),
    'Ad events',
  )
  .filter((event) => {
    if (!isReading) {
      isReading = true;
      writeSync(1, 'READING\n');
    }
    return event.event_type === 'view';
  })
  .flatMap((event: AdEvent): View[] => {
    const campaign = campaignOf.get(event.ad_id);
    return campaign === undefined ? [] : [{ campaign, eventMs: event.event_time }];
  });

const results = views
  .keyBy((view) => view.campaign)
  .window(TumblingEventTimeWindows.of(WINDOW_MS))
  .aggregate(
    {
      createAccumulator: () => 0,
      add: (_view: View, count: number) => count + 1,
      merge: (a, b) => a + b,
      getResult: (count) => count,
    },
    (campaign, { window }, [count]) => [`w,${campaign},${window.start},${count},${Date.now()}`],
  );
const passed = views
  .filter(({ campaign }) => campaign === PEERS_PROBE)
  .map(({ campaign, eventMs }) => `p,${campaign},${eventMs},1,${Date.now()}`);
(PEERS_PROBE === '' ? results : results.union(passed)).sinkTo(
  new KafkaSink<string>({ bootstrapServers: PEERS_BOOTSTRAP, topic: PEERS_OUTPUT, value: (line) => line }),
);
await env.execute('Yahoo');
