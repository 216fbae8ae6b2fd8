import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ExecutionOptions } from '../../src/api/index.ts';
import { ALL_LOCAL_OPTIONS } from '../../src/local/index.ts';

const at = (path: string): URL => new URL(`../../${path}`, import.meta.url);
const scripts: Readonly<Record<string, string>> = JSON.parse(readFileSync(at('package.json'), 'utf8')).scripts;

/** Names of the npm scripts that a document tells its reader to run. */
function commandsIn(markdown: string): string[] {
  const names = [...markdown.matchAll(/\bnpm (?:run (?:--silent )?([a-z:-]+)|(test)\b)/g)].map(
    (match) => match[1] ?? (match[2] as string),
  );
  return [...new Set(names)];
}

for (const document of ['README.md', 'CONTRIBUTING.md']) {
  test(`every npm script that ${document} names exists`, () => {
    const commands = commandsIn(readFileSync(at(document), 'utf8'));
    assert.ok(commands.length > 1);
    assert.deepEqual(
      commands.filter((name) => !(name in scripts)),
      [],
    );
  });
}

test('every file that an npm script runs exists', () => {
  const missing = Object.entries(scripts).flatMap(([name, command]) =>
    [...command.matchAll(/(?<![\w*}/])(?:\.\/)?((?:examples|benchmarks|scripts)\/[\w/-]+\.ts)/g)]
      .filter((match) => !existsSync(at(match[1] as string)))
      .map((match) => `${name}: ${match[1]}`),
  );
  assert.deepEqual(missing, []);
});

const readme = readFileSync(at('README.md'), 'utf8');

async function helpOf(command: string): Promise<string> {
  const args = ['--conditions=millrace-source', fileURLToPath(at('src/cli/main.ts')), ...command.split(' '), '--help'];
  return (await promisify(execFile)(process.execPath, args)).stdout;
}

/** Calls of the command, in blocks for the shell and in the text. */
function millraceCalls(markdown: string): { readonly command: string; readonly flags: readonly string[] }[] {
  const text = markdown.replace(/^```(?!sh$)\w[^\n]*\n[\s\S]*?^```$/gm, '');
  return [...text.matchAll(/(?:^|`)(?:npx )?millrace ((?:savepoint )?[a-z]+)\b([^`\n#]*)/gm)].map(
    ([, command = '', rest = '']) => ({
      command,
      flags: rest.match(/(?<=\s)--?[A-Za-z][\w-]*/g) ?? [],
    }),
  );
}

test('the calls of millrace in the README are found with their options', () => {
  const markdown = 'Try `millrace run -p 4 job.ts`.\n```sh\nmillrace savepoint inspect --verify PATH   # sums\n```\n';
  assert.deepEqual(millraceCalls(markdown), [
    { command: 'run', flags: ['-p'] },
    { command: 'savepoint inspect', flags: ['--verify'] },
  ]);
});

test('every command and option of millrace that the README names exists', async () => {
  const calls = millraceCalls(readme);
  const commands = [...new Set(calls.map(({ command }) => command))];
  assert.ok(commands.length > 3);
  const helps = new Map(await Promise.all(commands.map(async (command) => [command, await helpOf(command)] as const)));
  for (const { command, flags } of calls) {
    const known: readonly string[] = helps.get(command)?.match(/(?<=^ +|, )--?[A-Za-z][\w-]*/gm) ?? [];
    assert.deepEqual(
      flags.filter((flag) => !known.includes(flag)),
      [],
      command,
    );
  }
});

test('every configuration option that the README names exists', () => {
  const known: string[] = [...Object.values(ExecutionOptions), ...ALL_LOCAL_OPTIONS].map(({ key }) => key);
  const named =
    readme.match(/\b(?:execution|state|taskmanager|parallelism|pipeline|restart-strategy|task)\.[a-z][\w.-]*[a-z]\b/g) ?? [];
  const column = readme
    .split('\n')
    .slice(readme.split('\n').findIndex((line) => line.includes('option `execution.checkpointing.…`')) + 2)
    .join('\n')
    .split('\n\n')[0] as string;
  const checkpointing = column
    .split('\n')
    .flatMap((row) => row.split('|')[2]?.match(/(?<=`)[a-z.-]+(?=`)/g) ?? [])
    .map((key) => `execution.checkpointing.${key}`);
  assert.ok(named.length > 5 && checkpointing.length > 8);
  assert.deepEqual(
    [...named, ...checkpointing].filter((key) => !known.includes(key) && key !== 'execution.checkpointing'),
    [],
  );
});
