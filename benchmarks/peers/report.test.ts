import assert from 'node:assert/strict';
import { test } from 'node:test';
import { report } from './report.ts';
import type { CatchUp } from './yahoo/catch-up.ts';
import type { Latency } from './yahoo/latency.ts';
import type { Outcome } from './yahoo/yahoo.ts';

const caughtUp = (eventsPerSecond: number, fault?: string): CatchUp => ({
  fault,
  eventsPerSecond,
  cpuSecondsPerMillion: 2,
  cpuSecondsInAll: 30,
  peakMegabytes: 500,
  firstResultMs: 4_000,
  totalMs: 20_000,
  lines: 1,
});

const late = (perSecond: number, max: number): Latency => ({
  perSecond,
  fault: undefined,
  windowMs: { samples: 1, p50: 1, p99: 2, max },
  passedMs: { samples: 1, p50: 3, p99: 4, max: 5 },
  generatorMs: { samples: 1, p50: 0, p99: 1, max: 2 },
  cores: 0.5,
});

const outcome = (contestant: string, part: Partial<Outcome>): Outcome => ({
  contestant,
  about: '',
  catchUp: [],
  latency: [],
  failures: [],
  ...part,
});

test('the report shows medians, every round, the worst maximum, and who was wrong', () => {
  const text = report([
    outcome('a', {
      catchUp: [caughtUp(100_000), caughtUp(300_000), caughtUp(200_000)],
      latency: [late(50_000, 9), late(50_000, 7)],
    }),
    outcome('b', { catchUp: [caughtUp(1_000, 'of 2 windows\n1 are missing')] }),
    outcome('c', { absence: 'no Java' }),
    outcome('d', { failures: ['catch-up, round 1, d: could not be measured: x'] }),
  ]);
  assert.match(text, /^\| a \| 200 \| 100, 300, 200 \| 2\.00 \| 500 \| 4\.00 \| right \|$/m);
  assert.match(text, /^\| b \|.*\*\*wrong\*\* in 1 of 1: of 2 windows 1 are missing \|$/m);
  assert.match(text, /^\| 50 k events\/s \|/m);
  assert.match(text, /^\| a \| 1 \| 2 \| 9 \| 3 \| 4 \| 5 \| 0\.50 \| 1 \| right \|$/m);
  assert.match(text, /^- c did not take part: no Java$/m);
  assert.match(text, /^- catch-up, round 1, d: could not be measured: x$/m);
});
