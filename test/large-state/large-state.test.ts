/** Small sizes of what `npm run test:large-state` runs: more state than managed memory, a kill, and the limit of the process. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { runScenario } from './run-scenario.ts';
import type { ScenarioName } from './scenarios.ts';

const MIB = 2 ** 20;
const MEMORY_BYTES = 224 * MIB;
const MANAGED_BYTES = 12 * MIB;
const STATE_BYTES = 24 * MIB;

const folder = mkdtempSync(join(tmpdir(), 'millrace-large-state-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const NAMES: readonly ScenarioName[] = ['value', 'tumbling', 'sort', 'timers'];

describe('a job whose state is larger than its memory', () => {
  for (const scenario of NAMES) {
    test(`comes to the right result after a crash, within the memory of its process (${scenario})`, async () => {
      const outcome = await runScenario({
        scenario,
        stateBytes: STATE_BYTES,
        memoryBytes: MEMORY_BYTES,
        managedBytes: MANAGED_BYTES,
        checkpointIntervalMs: 100,
        folder: join(folder, scenario),
        killAfter: 0.5,
      });
      assert.equal(outcome.failure, undefined);
      assert.ok(outcome.crashed);
      const peakMib = Math.max(...outcome.peakRssBytes) / MIB;
      assert.ok(peakMib <= MEMORY_BYTES / MIB, `the process took ${Math.round(peakMib)} MB of ${MEMORY_BYTES / MIB}`);
    });
  }
});
