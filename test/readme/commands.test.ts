import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const at = (path: string): URL => new URL(`../../${path}`, import.meta.url);
const scripts: Readonly<Record<string, string>> = JSON.parse(readFileSync(at('package.json'), 'utf8')).scripts;

/** Names of the npm scripts that a document tells its reader to run. */
function commandsIn(markdown: string): string[] {
  const names = [...markdown.matchAll(/\bnpm (?:run (?:--silent )?([a-z:]+)|(test)\b)/g)].map(
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
