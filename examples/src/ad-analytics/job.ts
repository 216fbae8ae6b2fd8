/**
 * Yahoo's streaming benchmark as a job: views of ads, joined to their campaigns, counted per campaign and 10 seconds of
 * event time.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type MalformedRecord,
  OutputTag,
  type RichMapFunction,
  type StreamExecutionEnvironment,
  TumblingEventTimeWindows,
  type TypeOf,
  Types,
} from 'millrace';
import { FileSink, FileSource } from 'millrace/files';
import { csvFormat, jsonFormat } from 'millrace/formats';
import { forEventTimeProgress } from '../event-time-progress.ts';
import { type Ad, MAX_DISORDER_MS } from './events.ts';

const WINDOW_MS = 10_000;

/** Of seven fields, the job reads three: the others are passed over when the bytes are decoded. */
const AD_EVENT = Types.OBJECT({ ad_id: Types.STRING, event_type: Types.STRING, event_time: Types.TIMESTAMP });
type AdEvent = TypeOf<typeof AD_EVENT>;

const CAMPAIGN_COUNT = Types.OBJECT({ campaign_id: Types.STRING, window_start: Types.LONG, views: Types.LONG });

interface View {
  readonly campaign_id: string;
  readonly event_time: number;
}

/** Looks up the campaign of an ad in a table that fits into memory, read once when the task opens. */
class JoinCampaign implements RichMapFunction<AdEvent, View> {
  private readonly adsPath: string;
  private readonly campaigns = new Map<string, string>();

  constructor(adsPath: string) {
    this.adsPath = adsPath;
  }

  async open(): Promise<void> {
    const ads: Ad[] = JSON.parse(await readFile(this.adsPath, 'utf8'));
    for (const { ad_id, campaign_id } of ads) this.campaigns.set(ad_id, campaign_id);
  }

  map({ ad_id, event_time }: AdEvent): View {
    return { campaign_id: this.campaigns.get(ad_id) ?? 'unknown', event_time };
  }
}

const VIEW_COUNT = {
  createAccumulator: () => 0,
  add: (_view: View, count: number) => count + 1,
  merge: (a: number, b: number) => a + b,
  getResult: (count: number) => count,
};

export interface AdAnalyticsOptions {
  readonly eventsPath: string;
  /** A JSON array of {@link Ad}. */
  readonly adsPath: string;
  /** Gets the folders `counts` (CSV), `late` and `malformed` (JSON lines). */
  readonly outputPath: string;
}

/** Adds the job to `env`. */
export function adAnalytics(env: StreamExecutionEnvironment, { eventsPath, adsPath, outputPath }: AdAnalyticsOptions): void {
  const malformed = new OutputTag<MalformedRecord>('malformed');
  const late = new OutputTag<View>('late');

  const events = env.fromSource(
    FileSource.forFormat(jsonFormat({ schema: AD_EVENT }), eventsPath).onMalformed(malformed),
    forEventTimeProgress<AdEvent>(MAX_DISORDER_MS, 1_000).withTimestampAssigner((event) => event.event_time),
    'Ad events',
  );

  const counts = events
    .filter((event) => event.event_type === 'view')
    .map(new JoinCampaign(adsPath))
    .keyBy((view) => view.campaign_id)
    .window(TumblingEventTimeWindows.of(WINDOW_MS))
    .sideOutputLateData(late)
    .aggregate(VIEW_COUNT, (campaign_id, { window }, [views]) => [{ campaign_id, window_start: window.start, views }]);

  counts.sinkTo(FileSink.forFormat(join(outputPath, 'counts'), csvFormat({ schema: CAMPAIGN_COUNT })));
  counts.getSideOutput(late).sinkTo(FileSink.forFormat(join(outputPath, 'late'), jsonFormat<View>()));
  events
    .getSideOutput(malformed)
    .map(({ line, column, offset, message, bytes }) => ({ line, column, offset, message, text: new TextDecoder().decode(bytes) }))
    .sinkTo(FileSink.forFormat(join(outputPath, 'malformed'), jsonFormat()));
}
