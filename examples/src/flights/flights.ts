/** `npm run example flights`: runs the job, shows some of its rows, and compares all of them with the golden files. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StreamExecutionEnvironment } from 'millrace';
import type { Example } from '../example.ts';
import { checkFlights, type FlightResult } from './check.ts';
import { flights as addJob } from './job.ts';

const DATA = join(import.meta.dirname, '../../data/flights');
const GOLDEN = join(import.meta.dirname, '../../golden/flights');

export const flights: Example = {
  name: 'flights',
  usage: '',
  description: 'three questions to 80,789 real flights that arrive out of order, checked against golden files',
  async run() {
    const outputPath = mkdtempSync(join(tmpdir(), 'millrace-flights-'));
    try {
      const env = StreamExecutionEnvironment.getExecutionEnvironment();
      addJob(env, DATA, outputPath);
      await env.execute('Flights');
      return report(checkFlights(outputPath, GOLDEN));
    } finally {
      rmSync(outputPath, { recursive: true, force: true });
    }
  },
};

function report(results: readonly FlightResult[]): boolean {
  console.log('Departures from New York, January to March 2013');
  const [departures, delays, sessions] = results as [FlightResult, FlightResult, FlightResult];
  table('The busiest hours', most(departures, 'departures', 5));
  table('The worst delays of a carrier’s day', most(delays, 'delay_min', 5));
  table('The longest sessions of delay', most(sessions, 'flights', 5));

  console.log();
  for (const { title, rows, lateRecords, differences } of results) {
    const verdict = differences.length === 0 ? 'all equal' : `${differences.length} DIFFERENCES`;
    console.log(`check: ${title}: ${rows.length} rows, ${verdict}; late records: ${lateRecords}`);
    for (const line of differences.slice(0, 10)) console.log(`  ${line}`);
  }
  return results.every(({ differences }) => differences.length === 0);
}

/** The header, and the `limit` rows with the largest numbers in `column`; of equals those that come first. */
function most({ columns, rows }: FlightResult, column: string, limit: number): (readonly string[])[] {
  const index = columns.indexOf(column);
  return [columns, ...[...rows].sort((a, b) => Number(b[index]) - Number(a[index])).slice(0, limit)];
}

function table(title: string, rows: readonly (readonly string[])[]): void {
  const [header = []] = rows;
  const widths = header.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const isNumber = header.map((_, column) => /^-?\d+$/.test(rows[1]?.[column] ?? ''));
  console.log(`\n${title}`);
  for (const row of rows) {
    const cells = row.map((cell, i) => (isNumber[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)));
    console.log(`  ${cells.join('  ').trimEnd()}`);
  }
}
