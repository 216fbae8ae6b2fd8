/**
 * Yahoo's streaming benchmark: ad events from Kafka, the campaign of each ad from Redis, views counted per campaign and 10
 * seconds of event time, into Redis as the original has it, and into a second Kafka topic exactly once if one is named.
 *
 * A window's count is written when event time has passed its end, and once more for every event that comes later than that: so
 * the last one written of a window is the right one, whatever happens in between.
 */
import {
  AsyncDataStream,
  type StreamExecutionEnvironment,
  TumblingEventTimeWindows,
  type TypeOf,
  Types,
  WatermarkStrategy,
} from 'millrace';
import { jsonFormat } from 'millrace/formats';
import { KafkaSink, KafkaSource, OffsetsInitializer } from 'millrace/kafka';
import { type RedisConnectionOptions, RedisLookup, RedisSink } from 'millrace/redis';
import { MAX_LATENESS_MS, SKEW_MS, WINDOW_MS } from './events.ts';
import { type CampaignWindow, writeWindow } from './layout.ts';

/** Of seven fields, the job reads three: the others are passed over when the bytes are decoded. */
const AD_EVENT = Types.OBJECT({ ad_id: Types.STRING, event_type: Types.STRING, event_time: Types.TIMESTAMP });
type AdEvent = TypeOf<typeof AD_EVENT>;

interface View {
  readonly campaign: string;
  readonly eventTimeMs: number;
}

const COUNT = {
  createAccumulator: () => 0,
  add: (_view: View, count: number) => count + 1,
  merge: (a: number, b: number) => a + b,
  getResult: (count: number) => count,
};

/** A partition without events holds the others back no longer than this. */
const IDLENESS_MS = 5_000;
const LOOKUP_TIMEOUT_MS = 60_000;
const LOOKUPS_UNDER_WAY = 10_000;

export interface YahooJobOptions {
  readonly bootstrapServers: string;
  readonly topic: string;
  readonly redis: RedisConnectionOptions;
  /** Ends when all that is in the topic at the start has been read. */
  readonly bounded: boolean;
  /** Gets each result as JSON, exactly once. */
  readonly resultsTopic?: string;
}

/** Adds the job to `env`. */
export function yahooJob(env: StreamExecutionEnvironment, options: YahooJobOptions): void {
  const { bootstrapServers, topic, redis, bounded, resultsTopic } = options;
  const events = env.fromSource(
    KafkaSource.forValues(jsonFormat({ schema: AD_EVENT }), {
      bootstrapServers,
      topics: topic,
      groupId: 'yahoo',
      ...(bounded && { bounded: OffsetsInitializer.latest() }),
    }),
    WatermarkStrategy.forBoundedOutOfOrderness<AdEvent>(2 * SKEW_MS, (event) => event.event_time).withIdleness(IDLENESS_MS),
    'Ad events',
  );
  const campaigns = new RedisLookup<AdEvent, View>({
    connection: redis,
    key: (event) => event.ad_id,
    result: (event, campaign) => (campaign === undefined ? undefined : { campaign, eventTimeMs: event.event_time }),
    cache: { maxRows: 10_000 },
  });
  const counts = AsyncDataStream.unorderedWait(
    events.filter((event) => event.event_type === 'view'),
    campaigns,
    LOOKUP_TIMEOUT_MS,
    { capacity: LOOKUPS_UNDER_WAY },
  )
    .keyBy((view) => view.campaign)
    .window(TumblingEventTimeWindows.of(WINDOW_MS))
    .allowedLateness(MAX_LATENESS_MS + WINDOW_MS)
    .aggregate(COUNT, (campaign, { window }, [views]): CampaignWindow[] => [
      { campaign, windowStartMs: window.start, views: views as number },
    ]);
  counts.sinkTo(
    new RedisSink<CampaignWindow>({
      connection: redis,
      command: (result) => ['EVAL', ...writeWindow(result, Date.now())],
      // The script may be carried out twice, although EVAL in general may not.
      allowNonIdempotent: true,
    }),
  );
  if (resultsTopic === undefined) return;
  counts.sinkTo(
    new KafkaSink<CampaignWindow>({
      bootstrapServers,
      topic: resultsTopic,
      key: ({ campaign }) => campaign,
      value: jsonFormat<CampaignWindow>(),
      // Event time may be ahead of the clock by more than a broker allows.
      timestamp: () => Date.now(),
      deliveryGuarantee: 'EXACTLY_ONCE',
      transactionalIdPrefix: `yahoo-${resultsTopic}`,
    }),
  );
}
