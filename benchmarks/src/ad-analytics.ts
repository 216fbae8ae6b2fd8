/**
 * The ad-analytics job (Yahoo's streaming benchmark): views joined to campaigns, counted per campaign and 10 seconds of event
 * time, from JSON bytes in memory and from objects that are there already.
 *
 * Each loop is what one would write by hand: the same functions, windows as a Map of Maps that are closed when event time has
 * passed them, late views left out. Results are added up in any order.
 */
import { BytesSource, type DataStream, StreamExecutionEnvironment, TumblingEventTimeWindows, type TypeOf, Types } from 'millrace';
import { jsonFormat } from 'millrace/formats';
import { type Ad, adEvents, MAX_DISORDER_MS } from '../../examples/src/ad-analytics/events.ts';
import { forEventTimeProgress } from '../../examples/src/event-time-progress.ts';
import { alternate, median, speedRatio } from './alternate.ts';
import type { Benchmark, Figure } from './benchmark.ts';
import type { AdAnalyticsOutcome } from './programs/ad-analytics-job.ts';
import { inFolder, runProgram } from './programs/child.ts';

const WINDOW_MS = 10_000;
const WATERMARK_STEP_MS = 1_000;

const AD_EVENT = Types.OBJECT({ ad_id: Types.STRING, event_type: Types.STRING, event_time: Types.TIMESTAMP });
type AdEvent = TypeOf<typeof AD_EVENT>;

interface View {
  readonly campaign_id: string;
  readonly event_time: number;
}

interface CampaignCount {
  readonly campaign_id: string;
  readonly window_start: number;
  readonly views: number;
}

export const adAnalytics: Benchmark = {
  name: 'ad-analytics',
  description: 'JSON bytes to window counts, against JSON.parse per record; and from ready objects, against a loop over them',
  async run({ rounds, scale, parallelism = 2 }) {
    const events = Math.ceil(1_000_000 * scale);
    const { ads, chunks } = adEvents({ events, malformedShare: 0 });
    const campaignOf = new Map(ads.map(({ ad_id, campaign_id }: Ad) => [ad_id, campaign_id]));
    const bytes = Buffer.concat([...chunks]);
    const objects = readyObjects(events * 4);

    const fromBytes = await alternate(
      [
        { name: 'engine, schema of 3 fields', run: () => engineOnBytes(bytes, campaignOf) },
        { name: 'loop with JSON.parse', run: () => loopOnBytes(bytes, campaignOf) },
      ],
      { units: events, rounds, warmupRounds: 2 },
    );
    const fromObjects = await alternate(
      [
        { name: 'engine', run: () => engineOnObjects(objects, campaignOf) },
        { name: 'loop', run: () => loopOnObjects(objects, campaignOf) },
      ],
      { units: objects.length, rounds, warmupRounds: 2 },
    );
    return {
      name: 'ad-analytics',
      comparisons: { 'from JSON bytes': fromBytes, 'from ready objects': fromObjects },
      figures: [
        {
          name: 'ratio',
          value: speedRatio(fromBytes, 'engine, schema of 3 fields', 'loop with JSON.parse'),
          target: { min: 3 },
        },
        { name: 'ratio (ready objects)', value: speedRatio(fromObjects, 'engine', 'loop'), target: { min: 0.8 } },
        ...(await inParallel(Math.min(rounds, 5), scale, parallelism)),
      ],
    };
  },
};

/**
 * Processes of their own, in turn: one slot and several, without checkpoints and with one every second. The processor time tells what
 * the exchange costs also on a machine that has no core to spare.
 */
async function inParallel(rounds: number, scale: number, parallelism: number): Promise<Figure[]> {
  const lines = Math.ceil(200_000 * Math.min(1, scale * 10));
  const passes = Math.max(parallelism, Math.ceil(50 * scale));
  const contestants = [1, parallelism].flatMap((slots) => [0, 1_000].map((checkpointMs) => ({ slots, checkpointMs })));
  const outcomes = contestants.map((): AdAnalyticsOutcome[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { slots, checkpointMs }] of contestants.entries()) {
      const args = [slots, lines, passes, checkpointMs];
      const outcome = await inFolder((folder) => runProgram<AdAnalyticsOutcome>('ad-analytics-job.ts', [...args, folder]));
      const views = (outcomes[0]?.[0] ?? outcome).views;
      if (outcome.views !== views) throw new Error(`${slots} slots counted ${outcome.views} views, one slot ${views}`);
      outcomes[i]?.push(outcome);
    }
  }
  const [one = [], oneSafe = [], several = [], severalSafe = []] = outcomes;
  const ratio = (a: Outcomes, b: Outcomes, of: 'tookMs' | 'processorMs'): number => medianOf(a, of) / medianOf(b, of);
  const slots = `${parallelism} slots`;
  return [
    { name: `${slots}: speed-up over one`, value: ratio(one, several, 'tookMs') },
    { name: `${slots}: processor time over one`, value: ratio(several, one, 'processorMs') },
    { name: 'one slot: time with checkpoints over without', value: ratio(oneSafe, one, 'tookMs'), target: { max: 1.05 } },
    { name: 'one slot: processor time with checkpoints over without', value: ratio(oneSafe, one, 'processorMs') },
    { name: `${slots}: time with checkpoints over without`, value: ratio(severalSafe, several, 'tookMs'), target: { max: 1.05 } },
    { name: `${slots}: processor time with checkpoints over without`, value: ratio(severalSafe, several, 'processorMs') },
  ];
}

type Outcomes = readonly AdAnalyticsOutcome[];

function medianOf(outcomes: Outcomes, of: 'tookMs' | 'processorMs'): number {
  return median(outcomes.map((outcome) => outcome[of]).sort((a, b) => a - b));
}

/**
 * Four times as many as there are lines, or else a round takes so little time that a third of it goes by before the code of a new
 * job is optimised. Equal strings are one string, as a decoder gives them.
 */
function readyObjects(events: number): AdEvent[] {
  const objects: AdEvent[] = [];
  const known = new Map<string, string>();
  const shared = (text: string): string => known.get(text) ?? known.set(text, text).get(text) ?? text;
  for (const chunk of adEvents({ events, malformedShare: 0 }).chunks) {
    parseLines(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length), ({ ad_id, event_type, event_time }) => {
      objects.push({ ad_id: shared(ad_id), event_type: shared(event_type), event_time });
    });
  }
  return objects;
}

type Campaigns = ReadonlyMap<string, string>;

const strategy = () =>
  forEventTimeProgress<AdEvent>(MAX_DISORDER_MS, WATERMARK_STEP_MS).withTimestampAssigner((event) => event.event_time);

function engineOnBytes(bytes: Uint8Array, campaignOf: Campaigns): Promise<number> {
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  const source = new BytesSource(bytes, jsonFormat({ schema: AD_EVENT }));
  return countViews(env, env.fromSource(source, strategy(), 'Ad events'), campaignOf);
}

function engineOnObjects(objects: readonly AdEvent[], campaignOf: Campaigns): Promise<number> {
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  return countViews(env, env.fromCollection(objects).assignTimestampsAndWatermarks(strategy()), campaignOf);
}

async function countViews(env: StreamExecutionEnvironment, events: DataStream<AdEvent>, campaignOf: Campaigns): Promise<number> {
  let checksum = 0;
  events
    .filter((event) => event.event_type === 'view')
    .map(({ ad_id, event_time }): View => ({ campaign_id: campaignOf.get(ad_id) ?? 'unknown', event_time }))
    .keyBy((view) => view.campaign_id)
    .window(TumblingEventTimeWindows.of(WINDOW_MS))
    .aggregate(
      { createAccumulator: () => 0, add: (_, count) => count + 1, merge: (a, b) => a + b, getResult: (count) => count },
      (campaign_id, { window }, [views]) => [{ campaign_id, window_start: window.start, views }],
    )
    .addSink((result) => {
      checksum += weight(result);
    });
  await env.execute('Ad analytics');
  return checksum;
}

/** Counts views by hand; `finish` returns the checksum. */
class HandCount {
  private readonly campaignOf: Campaigns;
  private readonly windows = new Map<number, Map<string, number>>();
  private newestMs = Number.NEGATIVE_INFINITY;
  private watermark = Number.NEGATIVE_INFINITY;
  private checksum = 0;

  constructor(campaignOf: Campaigns) {
    this.campaignOf = campaignOf;
  }

  add({ ad_id, event_type, event_time }: AdEvent): void {
    if (event_type === 'view') this.count({ campaign_id: this.campaignOf.get(ad_id) ?? 'unknown', event_time });
    if (event_time >= this.newestMs + WATERMARK_STEP_MS) {
      this.newestMs = event_time;
      this.watermark = event_time - MAX_DISORDER_MS - 1;
      this.closeWindows();
    }
  }

  finish(): number {
    this.watermark = Number.POSITIVE_INFINITY;
    this.closeWindows();
    return this.checksum;
  }

  private count({ campaign_id, event_time }: View): void {
    const start = event_time - (event_time % WINDOW_MS);
    if (start + WINDOW_MS - 1 <= this.watermark) return;
    let counts = this.windows.get(start);
    if (counts === undefined) this.windows.set(start, (counts = new Map()));
    counts.set(campaign_id, (counts.get(campaign_id) ?? 0) + 1);
  }

  private closeWindows(): void {
    for (const [window_start, counts] of this.windows) {
      if (window_start + WINDOW_MS - 1 > this.watermark) continue;
      for (const [campaign_id, views] of counts) this.checksum += weight({ campaign_id, window_start, views });
      this.windows.delete(window_start);
    }
  }
}

/** A result's share of the checksum. */
function weight({ campaign_id, window_start, views }: CampaignCount): number {
  const campaign = campaign_id.charCodeAt(0) * 31 + campaign_id.charCodeAt(9) * 7 + campaign_id.charCodeAt(35);
  return views * (campaign + ((window_start / WINDOW_MS) % 1009));
}

function loopOnBytes(bytes: Buffer, campaignOf: Campaigns): number {
  const counter = new HandCount(campaignOf);
  parseLines(bytes, (event) => counter.add(event));
  return counter.finish();
}

function loopOnObjects(objects: readonly AdEvent[], campaignOf: Campaigns): number {
  const counter = new HandCount(campaignOf);
  for (const event of objects) counter.add(event);
  return counter.finish();
}

/** One decoded string and one `JSON.parse` for each line. */
function parseLines(bytes: Buffer, take: (event: AdEvent) => void): void {
  let start = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
    const event = JSON.parse(bytes.toString('utf8', start, end));
    event.event_time = Number(event.event_time);
    take(event);
    start = end + 1;
  }
}
