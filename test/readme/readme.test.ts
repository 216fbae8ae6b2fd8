import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runnableBlocks } from '../../scripts/readme-blocks.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

test('a runnable block comes with its output; other blocks are left alone', () => {
  const markdown = '# T\n```ts\nno();\n```\n```ts runnable\nyes();\n```\nprints\n```text\n1\n2\n```\n';
  assert.deepEqual(runnableBlocks(markdown), [{ line: 5, code: 'yes();\n', output: '1\n2\n' }]);
  assert.throws(() => runnableBlocks('```ts runnable\nx();\n```\n'), /line 1 is not followed/);
});

const blocks = runnableBlocks(readFileSync(join(root, 'README.md'), 'utf8'));

test('the README has a program that runs', () => {
  assert.ok(blocks.length > 0);
});

for (const { line, code, output } of blocks) {
  test(`the program in line ${line} of README.md prints what the README says`, async () => {
    // Inside the examples workspace, where the package has its name.
    const folder = mkdtempSync(join(root, 'examples', '.readme-'));
    try {
      writeFileSync(join(folder, 'job.ts'), code);
      const run = promisify(execFile)(process.execPath, ['--conditions=millrace-source', 'job.ts'], {
        cwd: folder,
        timeout: 60_000,
      });
      run.child.stdin?.end();
      const { stdout, stderr } = await run;
      assert.equal(stdout, output);
      assert.equal(stderr, '');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
