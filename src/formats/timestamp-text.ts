/**
 * Points in time as text: ISO 8601, or milliseconds since the epoch in digits.
 *
 * `2024-05-01`, `2024-05-01T10:20`, `2024-05-01 10:20:30.123456789+02:00`: seconds, fraction and zone may be missing;
 * without a zone the time is UTC, on every machine. What is finer than milliseconds is cut off. Dates that the calendar
 * does not have are refused. The reader works on bytes, because most timestamps are read where no string is wanted.
 */

/** The largest number of milliseconds that a JavaScript Date can hold. */
export const MAX_TIMESTAMP = 8.64e15;

const MINUTE = 60_000;
const DAY = 86_400_000;
const DAYS_BEFORE_MONTH = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

/** Two digits at `at`, or NaN. */
function twoDigits(bytes: Uint8Array, at: number, end: number): number {
  if (at + 2 > end || !isDigit(bytes[at]) || !isDigit(bytes[at + 1])) return Number.NaN;
  return ((bytes[at] as number) - 48) * 10 + (bytes[at + 1] as number) - 48;
}

/** Milliseconds since the epoch that `bytes[start .. end)` says, or NaN. */
export function readTimestamp(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  // Thirteen digits: nearly every timestamp in milliseconds that is written today.
  if (length === 13) {
    let high = 0;
    let low = 0;
    let bad = 0;
    for (let i = start; i < start + 7; i++) {
      const digit = (bytes[i] as number) - 48;
      bad |= digit | (9 - digit);
      high = high * 10 + digit;
    }
    for (let i = start + 7; i < end; i++) {
      const digit = (bytes[i] as number) - 48;
      bad |= digit | (9 - digit);
      low = low * 10 + digit;
    }
    if (bad >= 0) return high * 1e6 + low;
  }
  if (length >= 10 && bytes[start + 4] === 0x2d) return readIso(bytes, start, end);
  return readDigits(bytes, start, end);
}

function readDigits(bytes: Uint8Array, start: number, end: number): number {
  const negative = bytes[start] === 0x2d;
  let at = negative ? start + 1 : start;
  if (at >= end) return Number.NaN;
  let value = 0;
  for (; at < end; at++) {
    if (!isDigit(bytes[at])) return Number.NaN;
    value = value * 10 + (bytes[at] as number) - 48;
    if (value > MAX_TIMESTAMP) return Number.NaN;
  }
  return negative && value !== 0 ? -value : value;
}

/** Milliseconds from the epoch to the start of a day; NaN if the calendar does not have it. */
function startOfDay(year: number, month: number, day: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const last = month === 2 ? (isLeap ? 29 : 28) : month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= last)) return Number.NaN;
  const before = year - 1;
  const days =
    year * 365 +
    Math.floor(before / 4) -
    Math.floor(before / 100) +
    Math.floor(before / 400) +
    (DAYS_BEFORE_MONTH[month] as number) +
    (isLeap && month > 2 ? 1 : 0) +
    day -
    1;
  return (days - 719_527) * DAY;
}

function readIso(bytes: Uint8Array, start: number, end: number): number {
  const year = twoDigits(bytes, start, end) * 100 + twoDigits(bytes, start + 2, end);
  if (bytes[start + 7] !== 0x2d) return Number.NaN;
  const date = startOfDay(year, twoDigits(bytes, start + 5, end), twoDigits(bytes, start + 8, end));
  let at = start + 10;
  if (at === end) return date;
  if (bytes[at] !== 0x54 && bytes[at] !== 0x74 && bytes[at] !== 0x20) return Number.NaN;
  const hours = twoDigits(bytes, at + 1, end);
  const minutes = twoDigits(bytes, at + 4, end);
  if (bytes[at + 3] !== 0x3a || !(hours < 24 && minutes < 60)) return Number.NaN;
  at += 6;
  let time = hours * 60 * MINUTE + minutes * MINUTE;
  if (at < end && bytes[at] === 0x3a) {
    const seconds = twoDigits(bytes, at + 1, end);
    if (!(seconds < 60)) return Number.NaN;
    time += seconds * 1000;
    at += 3;
    if (at < end && (bytes[at] === 0x2e || bytes[at] === 0x2c)) {
      const first = ++at;
      for (let scale = 100; at < end && isDigit(bytes[at]); at++) {
        if (scale >= 1) time += ((bytes[at] as number) - 48) * scale;
        scale /= 10;
      }
      if (at === first) return Number.NaN;
    }
  }
  return date + time - readZone(bytes, at, end);
}

/** The offset of the zone at `at .. end`, in milliseconds; NaN if there is something else. */
function readZone(bytes: Uint8Array, at: number, end: number): number {
  if (at === end) return 0;
  const sign = bytes[at];
  if (sign === 0x5a || sign === 0x7a) return at + 1 === end ? 0 : Number.NaN;
  if (sign !== 0x2b && sign !== 0x2d) return Number.NaN;
  const hours = twoDigits(bytes, at + 1, end);
  let minutes = 0;
  if (at + 3 !== end) {
    const minutesAt = bytes[at + 3] === 0x3a ? at + 4 : at + 3;
    if (minutesAt + 2 !== end) return Number.NaN;
    minutes = twoDigits(bytes, minutesAt, end);
  }
  if (!(hours < 24 && minutes < 60)) return Number.NaN;
  const offset = (hours * 60 + minutes) * MINUTE;
  return sign === 0x2b ? offset : -offset;
}
