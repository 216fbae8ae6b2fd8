/**
 * `npm run example exactly-once [SECONDS]`: a job that may be killed at any moment and goes on when it is started again.
 *
 * All it needs for that are checkpoints in a folder that outlives the process, and the newest of them to start from. The folder
 * is one for all runs, so two of them must not run at once. The slots are threads that run this program once more; what must
 * happen once, they leave out.
 */
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { StreamExecutionEnvironment } from 'millrace';
import { wholeNumber } from '../arguments.ts';
import type { Example } from '../example.ts';
import { type FoundCheckpoint, filesIn, newestCheckpoint } from '../newest-checkpoint.ts';
import { checkBookings } from './check.ts';
import { type Booking, bookings } from './job.ts';

const FOLDER = join(tmpdir(), 'millrace-exactly-once');
const CHECKPOINTS = join(FOLDER, 'checkpoints');
const OUTPUT = join(FOLDER, 'output');
const PER_SECOND = 10_000;

export const exactlyOnce: Example = {
  name: 'exactly-once',
  usage: '[SECONDS]',
  description: 'books payments for 30 seconds; kill it (Ctrl-C, kill -9) and start it again: none is lost or booked twice',
  async run([seconds = '30']) {
    const payments = wholeNumber('SECONDS', seconds) * PER_SECOND;
    const checkpoint = newestCheckpoint(CHECKPOINTS);
    if (isMainThread && checkpoint === undefined) rmSync(FOLDER, { recursive: true, force: true });
    const written = isMainThread ? readBookings().length : 0;
    if (isMainThread) console.log(beginning(checkpoint, written, payments));

    // Killed after its end, before its checkpoints were put away: then there is nothing left to do.
    if (written < payments) {
      const env = StreamExecutionEnvironment.getExecutionEnvironment({
        'execution.checkpointing.dir': CHECKPOINTS,
        'execution.checkpointing.externalized-checkpoint-retention': 'RETAIN_ON_CANCELLATION',
        ...(checkpoint === undefined ? {} : { 'execution.state-recovery.path': checkpoint.path }),
      });
      env.setParallelism(2).enableCheckpointing(500);
      bookings(env, { payments, perSecond: PER_SECOND, outputPath: OUTPUT });
      await env.execute('Bookings');
    }
    const problems = checkBookings(readBookings(), payments);
    rmSync(CHECKPOINTS, { recursive: true, force: true });
    for (const problem of problems.slice(0, 10)) console.log(`  ${problem}`);
    const verdict = problems.length === 0 ? 'each booked once, all balances right' : `${count(problems.length)} PROBLEMS`;
    console.log(`check: ${count(payments)} payments, ${verdict}: ${OUTPUT}`);
    return problems.length === 0;
  },
};

/** What is visible: files whose names begin with a dot wait for their checkpoint. */
function readBookings(): Booking[] {
  return filesIn(OUTPUT)
    .filter((path) => /[/\\]part-[^/\\]*$/.test(path))
    .flatMap((path) => readFileSync(path, 'utf8').trimEnd().split('\n'))
    .map((line) => JSON.parse(line));
}

function beginning(checkpoint: FoundCheckpoint | undefined, written: number, payments: number): string {
  if (checkpoint === undefined) return `Starts with the first of ${count(payments)} payments.`;
  return `Goes on from checkpoint ${checkpoint.id}; ${count(written)} of ${count(payments)} bookings are written.`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
