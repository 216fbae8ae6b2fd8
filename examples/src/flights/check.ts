/** Reads the results of the flights job and compares them, row by row, with the golden files. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { partLines } from '../part-files.ts';

export interface FlightResult {
  readonly title: string;
  readonly columns: readonly string[];
  /** In the order of the golden file, which is that of event time. */
  readonly rows: readonly (readonly string[])[];
  readonly lateRecords: number;
  /** Rows that are in one of the two only, as `found: …` and `missing: …`. */
  readonly differences: readonly string[];
}

interface Question {
  readonly name: string;
  readonly title: string;
  /** Columns to sort by, numbers as numbers. */
  readonly order: readonly string[];
}

export const QUESTIONS: readonly Question[] = [
  { name: 'departures-per-hour', title: 'departures per hour', order: ['hour', 'airport'] },
  { name: 'worst-delays', title: 'worst delays', order: ['day', 'carrier', 'rank'] },
  { name: 'delay-sessions', title: 'delay sessions', order: ['first_departure', 'airport'] },
];

export function checkFlights(outputPath: string, goldenPath: string): FlightResult[] {
  const goldenLate = new Map(
    goldenLines(goldenPath, 'late-records').map((line) => {
      const [title = '', count] = line.split(',');
      return [title, Number(count)];
    }),
  );
  return QUESTIONS.map(({ name, title, order }) => {
    const [header = '', ...golden] = readFileSync(join(goldenPath, `${name}.csv`), 'utf8')
      .trimEnd()
      .split('\n');
    const columns = header.split(',');
    const found = partLines(join(outputPath, name), 'header');
    const lateRecords = partLines(join(outputPath, `${name}-late`), 'no header').length;
    const differences = [
      ...without(found, golden).map((line) => `found: ${line}`),
      ...without(golden, found).map((line) => `missing: ${line}`),
    ];
    const expectedLate = goldenLate.get(title);
    if (lateRecords !== expectedLate) differences.push(`late for ${title}: ${lateRecords}, but should be ${expectedLate}`);
    const keys = order.map((column) => columns.indexOf(column));
    const rows = found.map((line) => line.split(',')).sort((a, b) => compareRows(a, b, keys));
    return { title, columns, rows, lateRecords, differences };
  });
}

function goldenLines(goldenPath: string, name: string): string[] {
  return readFileSync(join(goldenPath, `${name}.csv`), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1);
}

/** The lines of `these` that are not in `others`; a line that is there twice must be there twice. */
function without(these: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  return these.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}

function compareRows(a: readonly string[], b: readonly string[], keys: readonly number[]): number {
  for (const key of keys) {
    const [x = '', y = ''] = [a[key], b[key]];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}
