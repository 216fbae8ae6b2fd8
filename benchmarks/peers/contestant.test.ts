import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { describe, test } from 'node:test';
import { type Contestant, RunningContestant, type RunSettings } from './contestant.ts';

function contestant(program: string): Contestant {
  return { name: 'test', about: '', prepare: async () => {}, command: () => [process.execPath, '-e', program] };
}

async function running(program: string, judge: (running: RunningContestant, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-contestant-'));
  const settings: RunSettings = {
    broker: '127.0.0.1:1',
    redis: '127.0.0.1:2',
    input: 'in',
    output: 'out',
    probe: '',
    mode: 'catch-up',
    parallelism: 2,
    checkpointMs: 1000,
    heapMb: 64,
    folder,
  };
  const started = new RunningContestant(contestant(program), settings);
  try {
    await judge(started, folder);
  } finally {
    await started.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const isAlive = (pid: number): boolean =>
  !/^State:\s+Z/m.test(existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : 'State: Z');

describe('a contestant', { skip: process.platform === 'linux' ? false : 'reads /proc' }, () => {
  test('says that it reads, and is told where', async () => {
    await running(`console.log('READING'); console.error(process.env.PEERS_INPUT); setInterval(() => {}, 1000)`, async (run) => {
      const { wallMs } = await run.reading;
      assert.ok(wallMs >= run.startedMs);
    });
  });

  test('that ends before it reads fails with what it has logged', async () => {
    await running(`console.error('no broker at ' + process.env.PEERS_BOOTSTRAP)`, async (run) => {
      await assert.rejects(run.reading, /ended \(0\) before it read anything:\nno broker at 127.0.0.1:1/);
      assert.equal(run.hasEnded, true);
    });
  });

  test('is charged for all its processes, those that have ended too', async () => {
    const burn =
      'const end = process.cpuUsage().user + 15e4; while (process.cpuUsage().user < end) for (let i = 0; i < 1e6; i++);';
    const program = `require('node:child_process').execFileSync(process.execPath, ['-e', "${burn} setTimeout(() => {}, 400)"]); ${burn} console.log('READING'); setInterval(() => {}, 1000)`;
    await running(program, async (run) => {
      const { cpuSeconds } = await run.reading;
      assert.ok(cpuSeconds >= 0.27, `two processes used 0.15 s each, and ${cpuSeconds} s were counted`);
      assert.ok(run.meter.peakBytes > 20e6, `${run.meter.peakBytes} bytes`);
    });
  });

  test('is stopped with its children, even if it does not want to', async () => {
    const child = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)`;
    const program = `const { pid } = require('node:child_process').spawn(process.execPath, ['-e', "${child}"]); require('node:fs').writeFileSync('pid', String(pid)); console.log('READING'); setInterval(() => {}, 1000)`;
    await running(program, async (run, folder) => {
      await run.reading;
      const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
      assert.ok(isAlive(pid));
      await run.stop();
      while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
    });
  });
});
