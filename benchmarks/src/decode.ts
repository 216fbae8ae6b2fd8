/**
 * Bytes to records: JSON lines and CSV, all fields and three of them, plain text and text with escapes and non-ASCII.
 *
 * The decoders get 32 KiB chunks, as from a file. The loops they are compared with are what one writes by hand: a string
 * for each line and `JSON.parse`; `JSON.parse` over a whole decoded chunk as one array; Papa Parse over the whole text, rows as
 * arrays, which is the fastest it offers. Everybody converts the fields it uses and adds up a checksum of their values.
 */
import { type TypeInformation, Types } from 'millrace';
import { csvFormat, jsonFormat } from 'millrace/formats';
import Papa from 'papaparse';
import { alternate, type Comparison, type Contestant, speedRatio } from './alternate.ts';
import type { Benchmark, BenchmarkOptions, Figure } from './benchmark.ts';
import { adEventLines, flightRows, reviewLines } from './decode-data.ts';

const CHUNK_BYTES = 32 * 1024;
const NEWLINE = 0x0a;

/** A case: its comparison and the ratios drawn from it. */
export interface DecodeCase {
  readonly title: string;
  readonly comparison: Comparison;
  readonly figures: readonly Figure[];
}

export const decode: Benchmark = {
  name: 'decode',
  description: 'JSON and CSV decoding, all fields and 3 of 7, against JSON.parse and Papa Parse',
  async run(options) {
    const cases: DecodeCase[] = [];
    for (const measure of [decodeAdEvents, decodeReviews, decodeFlights, decodeQuotedFlights])
      cases.push(...(await measure(options)));
    return {
      name: 'decode',
      comparisons: Object.fromEntries(cases.map(({ title, comparison }) => [title, comparison])),
      figures: cases.flatMap(({ figures }) => figures),
    };
  },
};

interface DecoderOf<T> {
  createDecoder(context: { source: string; onMalformed: (record: { line: number; message: string }) => void }): {
    decode(chunk: Uint8Array, start: number, end: number, out: T[], endOfInput: boolean): number;
  };
}

/** Decodes `bytes` in chunks and adds up what `digest` says of each record. */
function decodeChunks<T>(format: DecoderOf<T>, bytes: Uint8Array, digest: (record: T) => number): number {
  const decoder = format.createDecoder({
    source: 'memory',
    onMalformed: ({ line, message }) => {
      throw new Error(`line ${line}: ${message}`);
    },
  });
  const records: T[] = [];
  let sum = 0;
  let start = 0;
  while (start < bytes.length) {
    const end = Math.min(start + CHUNK_BYTES, bytes.length);
    start = decoder.decode(bytes, start, end, records, end === bytes.length);
    for (let i = 0; i < records.length; i++) sum += digest(records[i] as T);
    records.length = 0;
  }
  return sum;
}

function parseLines<T>(bytes: Uint8Array, digest: (record: T) => number): number {
  const decoder = new TextDecoder();
  let sum = 0;
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, start);
    sum += digest(JSON.parse(decoder.decode(bytes.subarray(start, end))) as T);
    start = end + 1;
  }
  return sum;
}

function parseChunks<T>(bytes: Uint8Array, digest: (record: T) => number): number {
  const decoder = new TextDecoder();
  let sum = 0;
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.lastIndexOf(NEWLINE, Math.min(start + CHUNK_BYTES, bytes.length) - 1);
    const text = decoder.decode(bytes.subarray(start, end)).replaceAll('\n', ',');
    for (const record of JSON.parse(`[${text}]`) as T[]) sum += digest(record);
    start = end + 1;
  }
  return sum;
}

interface AdEvent {
  readonly user_id: string;
  readonly page_id: string;
  readonly ad_id: string;
  readonly ad_type: string;
  readonly event_type: string;
  readonly event_time: number | string;
  readonly ip_address: string;
}

const adEvent3 = (e: Pick<AdEvent, 'ad_id' | 'event_type' | 'event_time'>): number =>
  e.ad_id.charCodeAt(7) + e.event_type.length + (Number(e.event_time) % 1000);
const adEvent7 = (e: AdEvent): number =>
  adEvent3(e) + e.user_id.charCodeAt(35) + e.page_id.charCodeAt(0) + e.ad_type.length + e.ip_address.length;

/** The ad-analytics job's events: JSON, plain ASCII, strings only. */
export function decodeAdEvents({ scale, rounds }: BenchmarkOptions): Promise<DecodeCase[]> {
  const records = Math.ceil(300_000 * scale);
  const bytes = adEventLines(records);
  const { STRING, TIMESTAMP } = Types;
  return jsonCases<AdEvent>({
    title: 'ad events',
    bytes,
    records,
    rounds,
    few: { ad_id: STRING, event_type: STRING, event_time: TIMESTAMP },
    all: {
      user_id: STRING,
      page_id: STRING,
      ad_id: STRING,
      ad_type: STRING,
      event_type: STRING,
      event_time: TIMESTAMP,
      ip_address: STRING,
    },
    digestFew: adEvent3,
    digestAll: adEvent7,
    target: 3,
  });
}

interface Review {
  readonly id: number;
  readonly user: string;
  readonly title: string;
  readonly text: string;
  readonly stars: number;
  readonly verified: boolean;
  readonly tags: readonly string[];
  readonly price: number;
  readonly at: number | string;
}

const time = (at: number | string): number => (typeof at === 'number' ? at : Date.parse(at)) % 100_000;
const review3 = (r: Pick<Review, 'user' | 'stars' | 'at'>): number => r.user.length + r.stars + time(r.at);
const review9 = (r: Review): number =>
  review3(r) +
  r.id +
  r.title.length +
  r.text.length +
  (r.verified ? 1 : 0) +
  (r.tags[1]?.length ?? 0) +
  Math.round(r.price * 100);

/** Reviews: JSON of several types, with escapes and non-ASCII. */
export function decodeReviews({ scale, rounds }: BenchmarkOptions): Promise<DecodeCase[]> {
  const records = Math.ceil(150_000 * scale);
  return jsonCases<Review>({
    title: 'reviews (escapes, non-ASCII)',
    bytes: reviewLines(records),
    records,
    rounds,
    few: { user: Types.STRING, stars: Types.INT, at: Types.TIMESTAMP },
    all: {
      id: Types.LONG,
      user: Types.STRING,
      title: Types.STRING,
      text: Types.STRING,
      stars: Types.INT,
      verified: Types.BOOLEAN,
      tags: Types.LIST(Types.STRING),
      price: Types.DOUBLE,
      at: Types.TIMESTAMP,
    },
    digestFew: review3,
    digestAll: review9,
  });
}

type Fields = Readonly<Record<string, TypeInformation<unknown>>>;

interface JsonCases<T> {
  readonly title: string;
  readonly bytes: Uint8Array;
  readonly records: number;
  readonly rounds: number;
  readonly few: Fields;
  readonly all: Fields;
  readonly digestFew: (record: T) => number;
  readonly digestAll: (record: T) => number;
  readonly target?: number;
}

async function jsonCases<T>({
  title,
  bytes,
  records,
  rounds,
  few,
  all,
  digestFew,
  digestAll,
  target,
}: JsonCases<T>): Promise<DecodeCase[]> {
  const typed = (fields: Fields) => jsonFormat({ schema: Types.OBJECT(fields) as TypeInformation<any> });
  const contestants = (format: DecoderOf<T>, digest: (record: T) => number): Contestant[] => [
    { name: 'decoder', run: () => decodeChunks(format, bytes, digest) },
    { name: 'JSON.parse per line', run: () => parseLines(bytes, digest) },
    { name: 'JSON.parse per chunk', run: () => parseChunks(bytes, digest) },
  ];
  const options = { units: records, rounds, warmupRounds: 2 };
  const fewCase = await alternate(contestants(typed(few), digestFew), options);
  const untyped = jsonFormat<T>();
  const allCase = await alternate(
    [
      ...contestants(typed(all), digestAll),
      { name: 'decoder without schema', run: () => decodeChunks(untyped, bytes, digestAll) },
    ],
    options,
  );
  const fewName = `${title}, ${Object.keys(few).length} of ${Object.keys(all).length} fields`;
  const allName = `${title}, all fields`;
  const figure = (name: string, comparison: Comparison, min?: number): Figure => ({
    name: `${name}: decoder / JSON.parse per line`,
    value: speedRatio(comparison, 'decoder', 'JSON.parse per line'),
    target: min === undefined ? undefined : { min },
  });
  return [
    { title: fewName, comparison: fewCase, figures: [figure(fewName, fewCase, target)] },
    { title: allName, comparison: allCase, figures: [figure(allName, allCase)] },
  ];
}

interface Flight {
  readonly time: number;
  readonly carrier: string;
  readonly flight: number;
  readonly origin: string;
  readonly destination: string;
  readonly delay: number | undefined;
  readonly note: string;
}

const flight3 = (f: Pick<Flight, 'carrier' | 'flight' | 'delay'>): number =>
  f.carrier.charCodeAt(0) + f.flight + (f.delay ?? 0) * 4;
const flight7 = (f: Flight): number =>
  flight3(f) + (f.time % 100_000) + f.origin.charCodeAt(0) + f.destination.charCodeAt(1) + f.note.length;

/** Flights: CSV with seven columns. */
export function decodeFlights(options: BenchmarkOptions): Promise<DecodeCase[]> {
  return csvCases('flights', false, options);
}

/** Flights with text in quotes, doubled quotes, delimiters and non-ASCII. */
export function decodeQuotedFlights(options: BenchmarkOptions): Promise<DecodeCase[]> {
  return csvCases('flights (quotes, non-ASCII)', true, options);
}

async function csvCases(title: string, quoted: boolean, { scale, rounds }: BenchmarkOptions): Promise<DecodeCase[]> {
  const records = Math.ceil(200_000 * scale);
  const bytes = flightRows(records, quoted);
  const few = { carrier: Types.STRING, flight: Types.INT, delay: Types.OPTIONAL(Types.DOUBLE) };
  const all = { time: Types.TIMESTAMP, origin: Types.STRING, destination: Types.STRING, note: Types.STRING, ...few };
  const fewFormat = csvFormat({ schema: Types.OBJECT(few) });
  const allFormat = csvFormat({ schema: Types.OBJECT(all) });
  const papa = (digest: (row: string[]) => number) => (): number => {
    const rows = Papa.parse<string[]>(new TextDecoder().decode(bytes), { skipEmptyLines: true }).data;
    let sum = 0;
    for (let i = 1; i < rows.length; i++) sum += digest(rows[i] as string[]);
    return sum;
  };
  const delay = (text: string | undefined): number | undefined => (text === '' ? undefined : Number(text));
  const papa3 = papa(([, carrier = '', flight, , , late]) => flight3({ carrier, flight: Number(flight), delay: delay(late) }));
  const papa7 = papa(([at = '', carrier = '', flight, origin = '', destination = '', late, note = '']) =>
    flight7({ time: Date.parse(at), carrier, flight: Number(flight), origin, destination, delay: delay(late), note }),
  );
  const options = { units: records, rounds, warmupRounds: 2 };
  const cases: DecodeCase[] = [];
  for (const [name, contestants] of [
    [
      `${title}, 3 of 7 columns`,
      [
        { name: 'decoder', run: () => decodeChunks(fewFormat, bytes, flight3) },
        { name: 'Papa Parse', run: papa3 },
      ],
    ],
    [
      `${title}, all columns`,
      [
        { name: 'decoder', run: () => decodeChunks(allFormat, bytes, flight7) },
        { name: 'Papa Parse', run: papa7 },
      ],
    ],
  ] as const) {
    const comparison = await alternate(contestants, options);
    cases.push({
      title: name,
      comparison,
      figures: [{ name: `${name}: decoder / Papa Parse`, value: speedRatio(comparison, 'decoder', 'Papa Parse') }],
    });
  }
  return cases;
}
