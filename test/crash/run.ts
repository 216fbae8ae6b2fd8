/**
 * Kills a running job again and again, and checks that what it committed is what it commits when nobody disturbs it.
 *
 * Usage: `npm run test:crash -- [--kafka] [--kills N] [--seed S] [--json] [--keep]`
 *
 * A round is one job: its process is killed by SIGKILL at moments drawn from the seed (soon after its start, when a
 * checkpoint begins, when one is complete, or at any time), and started again from its newest checkpoint, until it finishes. Then
 * its output, sorted, is compared byte for byte with that of an undisturbed run. Rounds take turns in aligned and unaligned
 * checkpoints and in state backends.
 *
 * By default the job writes files. With `--kafka` it reads a topic and writes topics, and in one run of six the broker is killed as well:
 * the job waits for it, or is killed while it is away.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { FileCheckpointStorage } from '../../src/checkpoint/index.ts';
import { seededRandom, systemPlatform } from '../../src/common/index.ts';
import { LocalFileSystem } from '../../src/filesystem/node.ts';
import { fileScenario } from './file-scenario.ts';
import { kafkaScenario } from './kafka-scenario.ts';
import type { JobPlace } from './scenario.ts';

const { values: options } = parseArgs({
  options: {
    kafka: { type: 'boolean', default: false },
    kills: { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});
const wantedKills = Number(options.kills);
const random = seededRandom(Number(options.seed));

/** Of the runs with a service, in how many that is killed. */
const SERVICE_KILL_SHARE = 1 / 6;
const SERVICE_DOWN_MAX_MS = 1_500;
const MAX_RUNS_WITHOUT_PROGRESS = 25;

interface Round {
  readonly unaligned: boolean;
  readonly backend: 'hashmap' | 'hashlog';
}
const ROUNDS: readonly Round[] = [
  { unaligned: false, backend: 'hashmap' },
  { unaligned: true, backend: 'hashmap' },
  { unaligned: false, backend: 'hashlog' },
  { unaligned: true, backend: 'hashlog' },
];

type Moment = 'START' | 'CHECKPOINT_BEGINS' | 'CHECKPOINT_COMPLETE' | 'ANY';
const killsByMoment: Record<Moment, number> = { START: 0, CHECKPOINT_BEGINS: 0, CHECKPOINT_COMPLETE: 0, ANY: 0 };

const base = mkdtempSync(join(tmpdir(), 'millrace-crash-'));
process.on('exit', () => {
  if (!options.keep) rmSync(base, { recursive: true, force: true });
});

const say = (text: string): void => {
  if (!options.json) console.log(text);
};

const scenario = options.kafka ? await kafkaScenario() : fileScenario;

let kills = 0;
let serviceKills = 0;
let running: ChildProcess | undefined;
process.on('SIGINT', () => {
  running?.kill('SIGKILL');
  process.exit(130);
});

const expected = await undisturbed();
say(
  `undisturbed: ${Object.entries(expected)
    .map(([output, rows]) => `${rows.length} rows in ${output}`)
    .join(', ')}`,
);
let rounds = 0;
while (kills < wantedKills) {
  const round = ROUNDS[rounds % ROUNDS.length] as Round;
  const before = kills;
  await disturbed(rounds, round);
  rounds++;
  say(
    `round ${rounds} (${round.unaligned ? 'unaligned' : 'aligned'}, ${round.backend}): ${kills - before} kills, output equal; ${kills} of ${wantedKills} kills`,
  );
}
await scenario.stop?.();
const services = scenario.killService === undefined ? {} : { serviceKills };
const outcome = { seed: Number(options.seed), kills, ...services, rounds, killsByMoment, outcome: 'EQUAL' };
console.log(
  options.json ? JSON.stringify(outcome) : `All equal after ${kills} kills: ${JSON.stringify({ ...killsByMoment, ...services })}`,
);

async function undisturbed(): Promise<Readonly<Record<string, readonly string[]>>> {
  const folder = join(base, 'undisturbed');
  mkdirSync(folder);
  const place = await scenario.place('undisturbed', folder);
  const { code, log } = await run(folder, place, ROUNDS[0] as Round, undefined, 60_000, undefined);
  if (code !== 0) fail(`The undisturbed run ended with exit code ${code}.`, log);
  const rows = await place.rows();
  for (const [output, found] of Object.entries(rows))
    if (found.length === 0) fail(`The undisturbed run wrote no ${output}.`, log);
  return rows;
}

async function disturbed(index: number, round: Round): Promise<void> {
  const folder = join(base, `round-${index}`);
  mkdirSync(folder);
  const place = await scenario.place(`round-${index}`, folder);
  let lastId = 0;
  let runsWithoutProgress = 0;
  for (;;) {
    const restore = await newestCheckpoint(folder);
    runsWithoutProgress = restore && restore.checkpointId > lastId ? 0 : runsWithoutProgress + 1;
    lastId = restore?.checkpointId ?? lastId;
    const patient = runsWithoutProgress > MAX_RUNS_WITHOUT_PROGRESS || kills >= wantedKills;
    const moment = patient ? undefined : drawMoment();
    const serviceIsBack = patient ? undefined : killServiceNowAndThen();
    const { code, log } = await run(folder, place, round, moment, scenario.eventsPerSecond, restore?.externalPath);
    await serviceIsBack;
    // A job that has finished has no checkpoints left, and is not started again from those of an earlier run.
    if (code === 0 || /Job 'Crash test' has finished/.test(log)) break;
    if (code !== null) fail(`The job ended by itself with exit code ${code} (round ${index}, after ${kills} kills).`, log);
  }
  const rows = await place.rows();
  for (const [output, wanted] of Object.entries(expected)) {
    const difference = firstDifference(wanted, rows[output] ?? []);
    if (difference) fail(`After ${kills} kills, ${output} differs: ${difference} (round ${index}, ${folder})`, '');
  }
  if (!options.keep) rmSync(folder, { recursive: true, force: true });
}

function drawMoment(): { readonly moment: Moment; readonly delayMs: number } {
  const moments: readonly Moment[] = ['START', 'CHECKPOINT_BEGINS', 'CHECKPOINT_COMPLETE', 'ANY'];
  const moment = moments[Math.floor(random.next() * moments.length)] as Moment;
  const span = { START: 500, CHECKPOINT_BEGINS: 12, CHECKPOINT_COMPLETE: 12, ANY: 1_500 }[moment];
  return { moment, delayMs: random.next() * span };
}

/** @returns a promise for the end of the failure; undefined if there is none */
function killServiceNowAndThen(): Promise<void> | undefined {
  if (scenario.killService === undefined || random.next() >= SERVICE_KILL_SHARE) return undefined;
  const inMs = random.next() * 2_000;
  const downMs = random.next() * SERVICE_DOWN_MAX_MS;
  serviceKills++;
  return new Promise((resolve) => setTimeout(resolve, inMs)).then(() => scenario.killService?.(downMs));
}

/** @returns exit code (`null` if killed) and what it logged */
function run(
  folder: string,
  place: JobPlace,
  { unaligned, backend }: Round,
  kill: { readonly moment: Moment; readonly delayMs: number } | undefined,
  eventsPerSecond: number,
  restore: string | undefined,
): Promise<{ code: number | null; log: string }> {
  const args = [
    folder,
    String(scenario.events),
    String(eventsPerSecond),
    String(unaligned),
    backend,
    restore ?? '',
    ...place.words,
  ];
  const child = spawn(process.execPath, ['--conditions=millrace-source', scenario.job, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, MILLRACE_LOG: 'debug' },
  });
  running = child;
  let log = '';
  let armed = false;
  let seen = 0;
  const wanted = 1 + Math.floor(random.next() * 5);
  const arm = (): void => {
    if (armed || kill === undefined) return;
    armed = true;
    setTimeout(() => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      kills++;
      killsByMoment[kill.moment]++;
      child.kill('SIGKILL');
    }, kill.delayMs).unref();
  };
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-20_000);
    if (kill?.moment === 'CHECKPOINT_BEGINS' || kill?.moment === 'CHECKPOINT_COMPLETE') {
      const sign = kill.moment === 'CHECKPOINT_BEGINS' ? /Checkpoint \d+ begins/g : /Checkpoint \d+ is complete/g;
      seen += text.match(sign)?.length ?? 0;
      if (seen >= wanted) arm();
    }
  });
  if (kill?.moment === 'START' || kill?.moment === 'ANY') arm();
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, log })));
}

async function newestCheckpoint(folder: string) {
  const fileSystem = new LocalFileSystem();
  const storage = new FileCheckpointStorage({}, { fileSystem, random: systemPlatform.random });
  const checkpoints = join(folder, 'checkpoints');
  const jobs = existsSync(checkpoints) ? readdirSync(checkpoints) : [];
  const found = await Promise.all(jobs.map((job) => storage.listCheckpoints(join(checkpoints, job))));
  const damaged = found.flat().find((c) => c.error !== undefined);
  if (damaged) fail(`A complete checkpoint is damaged: ${damaged.path}: ${damaged.error?.message}`, '');
  return found
    .flat()
    .flatMap((c) => c.checkpoint ?? [])
    .sort((a, b) => b.checkpointId - a.checkpointId)[0];
}

function firstDifference(wanted: readonly string[], got: readonly string[]): string | undefined {
  const index = wanted.findIndex((row, i) => row !== got[i]);
  if (index < 0 && wanted.length === got.length) return undefined;
  const at = index < 0 ? wanted.length : index;
  return `${got.length} rows instead of ${wanted.length}; row ${at + 1} is ${got[at] ?? 'missing'} instead of ${wanted[at] ?? 'nothing'}`;
}

function fail(message: string, log: string): never {
  if (log) process.stderr.write(`${log}\n`);
  process.stderr.write(
    `${message}\nSeed ${options.seed}. Replay with: npm run test:crash --${options.kafka ? ' --kafka' : ''} --kills ${options.kills} --seed ${options.seed}\n`,
  );
  process.exit(1);
}
