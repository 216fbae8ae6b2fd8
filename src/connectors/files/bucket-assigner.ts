/**
 * Which folder below the sink's a record goes to. A bucket id becomes a path, and often comes from data, so it is checked:
 * relative, without `..`, without names that would be hidden from readers.
 */
import { MillraceError } from '../../common/index.ts';
import { NO_TIMESTAMP } from '../../connector/index.ts';

export interface BucketContext {
  /** Of the record, in milliseconds since the epoch; `NO_TIMESTAMP` if it has none. */
  readonly timestamp: number;
  readonly currentWatermark: number;
  /** Milliseconds since the epoch. */
  currentProcessingTime(): number;
}

/** Returns a bucket id: a relative path such as `2024-05-01--13` or `country=NZ/day=4`; empty for the sink's own folder. */
export type BucketAssigner<T> = (value: T, context: BucketContext) => string;

export interface DateTimeBucketOptions {
  /** Of `yyyy`, `MM`, `dd`, `HH`, `mm` and other characters; `yyyy-MM-dd--HH` by default, as in Flink. Always UTC. */
  readonly pattern?: string;
  /** Whose time it is: the processing clock's (the default), or the record's. */
  readonly time?: 'processing' | 'event';
}

/** One bucket for each hour (or day or minute, by the pattern). */
export function dateTimeBucketAssigner<T>(options: DateTimeBucketOptions = {}): BucketAssigner<T> {
  const pattern = options.pattern ?? 'yyyy-MM-dd--HH';
  const byEventTime = options.time === 'event';
  const spanMs = pattern.includes('mm') ? 60_000 : pattern.includes('HH') ? 3_600_000 : 86_400_000;
  checkBucketId(formatUtc(pattern, 0));
  let cachedSpan = Number.NaN;
  let cachedId = '';
  return (_value, context) => {
    const timeMs = byEventTime ? context.timestamp : context.currentProcessingTime();
    if (timeMs === NO_TIMESTAMP) {
      throw new MillraceError(
        'SINK_FAILED',
        'The file sink sorts records into buckets by event time, but a record has no timestamp. Assign timestamps before the sink.',
        { recoverable: false },
      );
    }
    const span = Math.floor(timeMs / spanMs);
    if (span !== cachedSpan) {
      cachedId = formatUtc(pattern, timeMs);
      cachedSpan = span;
    }
    return cachedId;
  };
}

function formatUtc(pattern: string, timeMs: number): string {
  const iso = new Date(timeMs).toISOString();
  const [date = '', time = ''] = iso.split('T');
  const dateEnd = date.length - 6;
  const fields: Record<string, string> = {
    yyyy: date.slice(0, dateEnd),
    MM: date.slice(dateEnd + 1, dateEnd + 3),
    dd: date.slice(dateEnd + 4),
    HH: time.slice(0, 2),
    mm: time.slice(3, 5),
  };
  return pattern.replace(/yyyy|MM|dd|HH|mm/g, (field) => fields[field] as string);
}

const MAX_NAME_BYTES = 255;

/** @throws MillraceError `SINK_FAILED` if a bucket id is not a safe relative path */
export function checkBucketId(bucketId: string): void {
  if (bucketId === '') return;
  const fail = (why: string): never => {
    throw new MillraceError(
      'SINK_FAILED',
      `The bucket id ${JSON.stringify(String(bucketId).slice(0, 200))} cannot be used: ${why}. A bucket id is a relative path of plain names.`,
      { recoverable: false },
    );
  };
  if (typeof bucketId !== 'string') fail('it is not a string');
  for (const name of bucketId.split('/')) {
    if (name === '') fail("it begins or ends with '/' or has an empty name");
    if (name === '.' || name === '..') fail(`it contains '${name}'`);
    if (name.startsWith('.') || name.startsWith('_')) fail(`'${name}' would be hidden from readers`);
    if (/[\\:\p{Cc}]/u.test(name)) fail('it contains a backslash, a colon or a control character');
    if (name.length * 3 > MAX_NAME_BYTES && new TextEncoder().encode(name).length > MAX_NAME_BYTES)
      fail('a name in it is too long');
  }
}
