/**
 * Computes the golden files of the flights example another way: SQL in SQLite over the whole table, no stream and no engine.
 *
 *     node examples/golden/flights/compute.ts [FOLDER]
 *
 * Late is what the example calls late, said in SQL: a record whose window ended `BOUND_MS` or more before the newest
 * departure among the records before it. Sessions are replayed record by record, because whether a record is late depends on
 * the sessions that are open when it arrives.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { DatabaseSync } from 'node:sqlite';
import { gunzipSync } from 'node:zlib';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BOUND_MS = 6 * HOUR_MS;
const SESSION_GAP_MS = HOUR_MS;
const DELAYED_MIN = 15;

const data = join(import.meta.dirname, '../../data/flights');
const db = new DatabaseSync(':memory:');

load('flights', gunzipSync(readFileSync(join(data, 'flights-2013-q1.csv.gz'))).toString());
load('airports', readFileSync(join(data, 'airports.csv'), 'utf8'));
load('airlines', readFileSync(join(data, 'airlines.csv'), 'utf8'));

/** Every column as text, in a table with the number of the line as `seq`; no value of this data is quoted. */
function load(table: string, csv: string): void {
  const [header, ...lines] = csv.trimEnd().split(/\r?\n/) as [string, ...string[]];
  const columns = header.split(',');
  db.exec(`CREATE TABLE ${table} (seq INTEGER PRIMARY KEY, ${columns.map((c) => `"${c}" TEXT`).join(', ')})`);
  const insert = db.prepare(`INSERT INTO ${table} VALUES (?, ${columns.map(() => '?').join(', ')})`);
  db.exec('BEGIN');
  lines.forEach((line, i) => {
    const values = line.split(',');
    if (values.length !== columns.length || line.includes('"')) throw new Error(`${table}, line ${i + 2}: ${line}`);
    insert.run(i, ...values);
  });
  db.exec('COMMIT');
}

db.exec(`
  CREATE TABLE departures AS
  WITH timed AS (
    SELECT seq, carrier, CAST(flight AS INTEGER) AS flight, origin, destination,
           CAST(departure_delay_min AS INTEGER) AS delay, CAST(strftime('%s', departed_at) AS INTEGER) * 1000 AS ms
    FROM flights WHERE departed_at <> ''
  )
  SELECT *, coalesce(max(ms) OVER (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS newest FROM timed;

  CREATE VIEW by_hour AS SELECT *, ms - ms % ${HOUR_MS} AS start, ms - ms % ${HOUR_MS} + ${HOUR_MS} <= newest - ${BOUND_MS} AS late FROM departures;
  CREATE VIEW by_day AS SELECT *, ms - ms % ${DAY_MS} AS start, ms - ms % ${DAY_MS} + ${DAY_MS} <= newest - ${BOUND_MS} AS late
    FROM departures WHERE delay > 0;
`);

const golden: Record<string, string> = {};

golden['departures-per-hour.csv'] = csv(`
  SELECT strftime('%Y-%m-%dT%H:%MZ', start / 1000, 'unixepoch') AS hour, origin AS airport, name, count(*) AS departures
  FROM by_hour JOIN airports ON faa = origin WHERE NOT late GROUP BY start, origin ORDER BY start, origin`);

golden['worst-delays.csv'] = csv(`
  WITH ranked AS (
    SELECT *, row_number() OVER (PARTITION BY carrier, start ORDER BY delay DESC, ms, flight, origin) AS rank FROM by_day WHERE NOT late
  )
  SELECT strftime('%Y-%m-%d', start / 1000, 'unixepoch') AS day, carrier, airlines.name AS airline, rank, flight, origin,
         coalesce(airports.name, destination) AS destination, delay AS delay_min
  FROM ranked JOIN airlines USING (carrier) LEFT JOIN airports ON faa = destination
  WHERE rank <= 3 ORDER BY start, carrier, rank`);

interface Session {
  start: number;
  end: number;
  flights: number;
  worst: number;
}

const closed: (Session & { airport: string })[] = [];
const open = new Map<string, Session[]>();
let lateForSessions = 0;

const close = (watermark: number): void => {
  for (const [airport, sessions] of open) {
    closed.push(...sessions.filter((s) => s.end <= watermark).map((s) => ({ airport, ...s })));
    open.set(
      airport,
      sessions.filter((s) => s.end > watermark),
    );
  }
};
for (const row of db.prepare('SELECT origin, delay, ms, newest FROM departures ORDER BY seq').all()) {
  const { origin, delay, ms, newest } = row as { origin: string; delay: number; ms: number; newest: number };
  const watermark = newest - BOUND_MS;
  close(watermark);
  if (delay <= DELAYED_MIN) continue;
  let session: Session = { start: ms, end: ms + SESSION_GAP_MS, flights: 1, worst: delay };
  const others: Session[] = [];
  for (const s of open.get(origin) ?? []) {
    if (s.start > ms + SESSION_GAP_MS || s.end < ms) others.push(s);
    else {
      session = {
        start: Math.min(s.start, session.start),
        end: Math.max(s.end, session.end),
        flights: s.flights + session.flights,
        worst: Math.max(s.worst, session.worst),
      };
    }
  }
  if (session.end <= watermark) lateForSessions++;
  else open.set(origin, [...others, session]);
}
close(Number.POSITIVE_INFINITY);

db.exec('CREATE TABLE sessions (airport TEXT, start INTEGER, end INTEGER, flights INTEGER, worst INTEGER)');
const insertSession = db.prepare('INSERT INTO sessions VALUES (?, ?, ?, ?, ?)');
for (const s of closed) insertSession.run(s.airport, s.start, s.end, s.flights, s.worst);

golden['delay-sessions.csv'] = csv(`
  SELECT airport, name, strftime('%Y-%m-%dT%H:%MZ', start / 1000, 'unixepoch') AS first_departure,
         strftime('%Y-%m-%dT%H:%MZ', (end - ${SESSION_GAP_MS}) / 1000, 'unixepoch') AS last_departure, flights, worst AS worst_delay_min
  FROM sessions JOIN airports ON faa = airport ORDER BY start, airport`);

golden['late-records.csv'] = csv(`
  SELECT 'departures per hour' AS result, count(*) AS late_records FROM by_hour WHERE late
  UNION ALL SELECT 'worst delays', count(*) FROM by_day WHERE late
  UNION ALL SELECT 'delay sessions', ${lateForSessions}`);

function csv(sql: string): string {
  const rows = db.prepare(sql).all();
  return `${[Object.keys(rows[0] ?? {}), ...rows.map((row) => Object.values(row))].map((values) => values.join(',')).join('\n')}\n`;
}

const folder = process.argv[2] ?? import.meta.dirname;
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(golden)) writeFileSync(join(folder, name), text);
