import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { runNode } from '../run-node.ts';
import { checkFlights } from './check.ts';
import { firstInOrder } from './worst.ts';

const GOLDEN = join(import.meta.dirname, '../../golden/flights');

test('the flights example comes to the rows of the golden files', async () => {
  const { code, stdout, stderr } = await runNode('run.ts', 'flights');
  assert.equal(stderr, '');
  assert.deepEqual(
    stdout.split('\n').filter((line) => line.startsWith('check: ')),
    [
      'check: departures per hour: 5159 rows, all equal; late records: 178',
      'check: worst delays: 3062 rows, all equal; late records: 1',
      'check: delay sessions: 1073 rows, all equal; late records: 14',
    ],
  );
  assert.equal(code, 0);
});

test('the golden files are what SQLite computes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-golden-'));
  try {
    await promisify(execFile)(process.execPath, ['--no-warnings', join(GOLDEN, 'compute.ts'), folder]);
    const names = readdirSync(folder);
    assert.equal(names.length, 4);
    for (const name of names) {
      assert.ok(readFileSync(join(folder, name)).equals(readFileSync(join(GOLDEN, name))), `${name} differs`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a row that is missing, wrong or there twice is a difference, and so is a late record too many', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-flights-test-'));
  try {
    const put = (name: string, text: string): void => {
      mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, name, 'part-0-0'), text);
    };
    for (const name of ['departures-per-hour', 'worst-delays', 'delay-sessions']) {
      put(name, readFileSync(join(GOLDEN, `${name}.csv`), 'utf8'));
    }
    put('departures-per-hour-late', '{}\n'.repeat(178));
    put('worst-delays-late', '{}\n');
    put('delay-sessions-late', '{}\n'.repeat(14));
    assert.deepEqual(
      checkFlights(folder, GOLDEN).flatMap(({ differences }) => differences),
      [],
    );

    const hours = readFileSync(join(GOLDEN, 'departures-per-hour.csv'), 'utf8').split('\n');
    const [, first = '', second = ''] = hours;
    put('departures-per-hour', [...hours.slice(0, 1), `${first}0`, second, second, ...hours.slice(3)].join('\n'));
    appendFileSync(join(folder, 'worst-delays-late', 'part-0-0'), '{}\n');
    const [departures, delays, sessions] = checkFlights(folder, GOLDEN);
    assert.deepEqual(departures?.differences, [`found: ${first}0`, `found: ${second}`, `missing: ${first}`]);
    assert.deepEqual(delays?.differences, ['late for worst delays: 2, but should be 1']);
    assert.deepEqual(sessions?.differences, []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the first in order are kept, in order, whether added or merged', () => {
  const { createAccumulator, add, merge, getResult } = firstInOrder<number>(3, (a, b) => a - b);
  const kept = (values: number[]): number[] => getResult(values.reduce((all, value) => add(value, all), createAccumulator()));
  assert.deepEqual(kept([]), []);
  assert.deepEqual(kept([5, 1]), [1, 5]);
  assert.deepEqual(kept([5, 1, 4, 2, 9, 3]), [1, 2, 3]);
  assert.deepEqual(merge(kept([5, 1, 4]), kept([2, 3])), [1, 2, 3]);
});
