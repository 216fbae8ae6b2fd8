import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { coverageTable } from '../../scripts/strict-reporter.ts';

const reporter = fileURLToPath(new URL('../../scripts/strict-reporter.ts', import.meta.url));

function runTests(body: string): { status: number | null; lines: string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-reporter-'));
  try {
    writeFileSync(join(folder, 'x.test.mjs'), `import { test } from 'node:test';\n${body}\n`);
    const args = ['--test', '--experimental-test-coverage', `--test-reporter=${reporter}`, 'x.test.mjs'];
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: folder, env, encoding: 'utf8' });
    return { status, lines: stdout.trim().split('\n') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('a run without skipped tests succeeds and ends with the summary', () => {
  const { status, lines } = runTests("test('a', () => {});");
  assert.equal(status, 0);
  assert.match(lines.at(-1) ?? '', /duration_ms/);
  assert.match(lines.at(-8) ?? '', /tests 1/);
});

test('a skipped test, a test left to do and a failed one each fail the run', () => {
  for (const body of ["test('a', { skip: 'slow' }, () => {});", "test.todo('a');", "test('a', () => { throw new Error(); });"]) {
    assert.equal(runTests(`test('fine', () => {});\n${body}`).status, 1, body);
  }
});

test('coverage is summed by folder', () => {
  const file = (path: string, covered: number) => ({
    path: join('/r', path),
    totalLineCount: 10,
    coveredLineCount: covered,
    totalBranchCount: 0,
    coveredBranchCount: 0,
  });
  const files = [file('src/task/a.ts', 5), file('src/task/deep/b.ts', 10), file('src/index.ts', 10)];
  const table = coverageTable({ workingDirectory: '/r', files } as unknown as Parameters<typeof coverageTable>[0]);
  assert.match(table, /src\/task +75\.0 +100\.0/);
  assert.match(table, /\nsrc +100\.0/);
  assert.match(table, /\nall +83\.3/);
});
