/** Input of the `decode` benchmark, made from a fixed seed: the same bytes on every machine. */

/** Numbers below 2^32, from a linear congruential generator. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0').slice(-digits);
const uuid = (a: number, b: number): string =>
  `${hex(a, 8)}-${hex(b >>> 16, 4)}-4${hex(b, 3)}-9${hex(a >>> 7, 3)}-${hex(Math.imul(a, 2654435761) >>> 0, 8)}${hex(b >>> 3, 4)}`;

/** Yahoo's ad events: seven strings in 230 bytes; 1000 ads, users and pages all distinct. */
export function adEventLines(records: number): Uint8Array {
  const next = numbers(1);
  const ads = Array.from({ length: 1000 }, () => uuid(next(), next()));
  const pick = <T>(items: readonly T[]): T => items[(next() >>> 8) % items.length] as T;
  return lines(
    records,
    (i) =>
      `{"user_id": "${uuid(next(), next())}", "page_id": "${uuid(next(), next())}", "ad_id": "${pick(ads)}", ` +
      `"ad_type": "${pick(['banner', 'modal', 'mail'])}", "event_type": "${pick(['view', 'click', 'purchase'])}", ` +
      `"event_time": "${1_448_000_000_000 + i}", "ip_address": "1.2.3.4"}`,
  );
}

const WORDS = [
  'großartig',
  'naïve',
  '说明',
  '"quoted"',
  'line\nbreak',
  'tab\there',
  'C:\\temp',
  'plain',
  'words',
  'in',
  'a',
  'row',
  '😀',
  'été',
] as const;

/** Reviews: nine fields of several types, texts with escapes and characters of two to four bytes. */
export function reviewLines(records: number): Uint8Array {
  const next = numbers(2);
  const word = (): string => WORDS[(next() >>> 8) % WORDS.length] as string;
  return lines(records, (i) =>
    JSON.stringify({
      id: i,
      user: `ü${(next() >>> 8) % 2000}`,
      title: `On "${word()}"`,
      text: Array.from({ length: 12 }, word).join(' '),
      stars: 1 + ((next() >>> 8) % 5),
      verified: i % 3 === 0,
      tags: [word(), word()],
      price: ((next() >>> 8) % 10_000) / 100,
      at: new Date(1_700_000_000_000 + i * 1000).toISOString(),
    }),
  );
}

/** Flights: seven columns; with `quoted`, text stands in quotes and has doubled quotes and delimiters inside. */
export function flightRows(records: number, quoted: boolean): Uint8Array {
  const next = numbers(3);
  const airports = Array.from({ length: 300 }, (_, i) => String.fromCharCode(65 + (i % 26), 65 + ((i * 7) % 26), 65 + (i >> 4)));
  const carriers = ['AA', 'AS', 'B6', 'DL', 'EV', 'F9', 'HA', 'MQ', 'NK', 'OO', 'UA', 'VX', 'WN', 'YV'];
  const pick = (items: readonly string[]): string => items[(next() >>> 8) % items.length] as string;
  const text = (value: string): string => (quoted ? `"${value.replaceAll('"', '""')}"` : value);
  const rows = lines(records, (i) => {
    const delay = i % 7 === 0 ? '' : String((((next() >>> 8) % 900) - 60) / 4);
    const note = quoted ? `gate "${i % 90}", Zürich` : `gate ${(next() >>> 8) % 100_000}`;
    const at = new Date(1_700_000_000_000 + i * 1000).toISOString();
    return `${at},${text(pick(carriers))},${(next() >>> 8) % 9000},${pick(airports)},${pick(airports)},${delay},${text(note)}`;
  });
  const header = new TextEncoder().encode('time,carrier,flight,origin,destination,delay,note\n');
  const all = new Uint8Array(header.length + rows.length);
  all.set(header);
  all.set(rows, header.length);
  return all;
}

function lines(records: number, line: (i: number) => string): Uint8Array {
  const parts: string[] = [];
  for (let i = 0; i < records; i++) parts.push(`${line(i)}\n`);
  return new TextEncoder().encode(parts.join(''));
}
