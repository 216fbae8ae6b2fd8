import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { checkBookings } from './check.ts';
import { type Booking, paymentAt } from './job.ts';

const SECONDS = 2;
const PAYMENTS = SECONDS * 10_000;
const TO_THE_END = Number.POSITIVE_INFINITY;

/** Starts the example and ends it by `signal` once `fresh` part files that were not there before are visible. */
async function run(temporary: string, fresh: number, signal: NodeJS.Signals = 'SIGKILL') {
  const program = join(import.meta.dirname, '../run.ts');
  const child = spawn(process.execPath, ['--conditions=millrace-source', program, 'exactly-once', String(SECONDS)], {
    env: { ...process.env, TMPDIR: temporary, TEMP: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text) => (output[name] += text));
  const before = visibleParts(temporary).length;
  const look = setInterval(() => {
    if (visibleParts(temporary).length < before + fresh) return;
    clearInterval(look);
    child.kill(signal);
  }, 5);
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  clearInterval(look);
  return { code, ...output };
}

function visibleParts(temporary: string): string[] {
  try {
    const folder = join(temporary, 'millrace-exactly-once/output');
    return readdirSync(folder).flatMap((name) => (name.startsWith('.') ? [] : join(folder, name)));
  } catch {
    return [];
  }
}

test('exactly-once goes on after it was killed and canceled, and books every payment once', { timeout: 120_000 }, async () => {
  const temporary = mkdtempSync(join(tmpdir(), 'millrace-example-'));
  try {
    const first = await run(temporary, 2);
    assert.match(first.stdout, /^Starts with the first of 20,000 payments\.\n$/);
    assert.deepEqual([first.code, first.stderr], [null, '']);
    const second = await run(temporary, 2, 'SIGINT');
    assert.match(second.stdout, /^Goes on from checkpoint \d+; [\d,]+ of 20,000 bookings are written\.\n$/);
    assert.deepEqual([second.code, second.stderr], [130, "Canceling 'Bookings'. Press Ctrl-C again to exit at once.\n"]);
    const last = await run(temporary, TO_THE_END);
    assert.equal(last.stderr, '');
    assert.match(last.stdout, /check: 20,000 payments, each booked once, all balances right/);
    assert.equal(last.code, 0);

    const lines = visibleParts(temporary).flatMap((path) => readFileSync(path, 'utf8').trimEnd().split('\n'));
    const ids = lines.map((line) => (JSON.parse(line) as Booking).payment).sort((a, b) => a - b);
    assert.deepEqual(
      ids,
      Array.from({ length: PAYMENTS }, (_, id) => id),
    );
    assert.deepEqual(readdirSync(join(temporary, 'millrace-exactly-once')), ['output']);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
});

test('the check finds a payment that is missing, booked twice, or in a wrong balance', () => {
  const last = new Map<string, Booking>();
  const right = Array.from({ length: 5_000 }, (_, id): Booking => {
    const { account, cents } = paymentAt(id);
    const { number, balance } = last.get(account) ?? { number: 0, balance: 0 };
    const booking = { payment: id, account, number: number + 1, balance: balance + cents };
    last.set(account, booking);
    return booking;
  });
  assert.deepEqual(checkBookings(right, 5_000), []);
  assert.match(checkBookings(right.slice(0, -1), 5_000).join(), /^Payment 4999 is booked 0 times\.$/);
  assert.match(checkBookings([...right, right[7] as Booking], 5_000).join(), /Payment 7 is booked 2 times\./);
  const wrong = right.with(4_990, { ...(right[4_990] as Booking), balance: 1 });
  assert.match(checkBookings(wrong, 5_000).join(), /^Payment 4990 into account-\d+ is number \d+ with the balance 1 instead of/);
});
