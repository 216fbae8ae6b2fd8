/**
 * Holds the tree to ARCHITECTURE.md and to the rules beside this file.
 */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findCycle, folderOf, parseFolderTable } from './folder-table.ts';
import { outsideModulesReachedFrom } from './reach.ts';
import { type Project, RULES, type SourceFile, sourceFile } from './rules.ts';
import { importsOf } from './source-text.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const rows = parseFolderTable(read('ARCHITECTURE.md'));
const manifest: { dependencies?: object; peerDependencies?: object } = JSON.parse(read('package.json'));
const project: Project = {
  rows,
  dependencies: new Set([...Object.keys(manifest.dependencies ?? {}), ...Object.keys(manifest.peerDependencies ?? {})]),
};

const files: readonly SourceFile[] = globSync(
  ['*.{md,json}', '.ci/*', '{src,test,scripts,examples,benchmarks}/**/*.{ts,md,json}'],
  { cwd: root, exclude: (path) => /(^|[\\/])(node_modules|dist)$/.test(path) },
)
  .map((path) => path.replaceAll('\\', '/'))
  // The lock file is made by npm; the rules' own cases show what is forbidden.
  .filter(
    (path) =>
      path !== 'package-lock.json' && !/\/(data|golden)\/.*\.json$/.test(path) && !/^test\/architecture\/rules/.test(path),
  )
  .sort()
  .map((path) => sourceFile(path, read(path)));

const engine = files.filter(({ path }) => /^src\/.*\.ts$/.test(path) && !/\.(test|bench)\.ts$/.test(path));

/** Which folder imports which, and where. */
const edges = new Map<string, Map<string, string>>();
for (const file of engine) {
  const from = folderOf(file.path, rows);
  if (from === undefined) continue;
  for (const { specifier, line } of importsOf(file.text, file.code)) {
    if (!specifier.startsWith('.')) continue;
    const to = folderOf(posix.join(posix.dirname(file.path), specifier), rows);
    if (to === undefined || to.folder === from.folder) continue;
    const targets = edges.get(from.folder) ?? new Map<string, string>();
    edges.set(from.folder, targets.set(to.folder, `${file.path}:${line}`));
  }
}

for (const [name, rule] of Object.entries(RULES)) {
  test(`the tree keeps the rule ${name}`, () => {
    const found = files.flatMap((file) => rule(file, project));
    assert.equal(found.length, 0, ['', ...found.map(({ path, line, message }) => `${path}:${line} ${message}`)].join('\n'));
  });
}

test('the rules look at the whole tree', () => {
  assert.ok(engine.some(({ path }) => path === 'src/common/clock.ts'));
  assert.ok(files.some(({ path }) => path === 'README.md'));
  assert.ok(engine.flatMap((file) => importsOf(file.text, file.code)).length > engine.length / 2, 'hardly any import was found');
});

test('no folders import each other in a circle', () => {
  assert.equal(findCycle(new Map([...edges].map(([from, to]) => [from, to.keys()] as const)))?.join(' → '), undefined);
});

test('the table itself allows no circle', () => {
  assert.equal(findCycle(new Map(rows.map((row) => [row.folder, row.imports ?? []] as const)))?.join(' → '), undefined);
});

test('the table names only folders that have a row', () => {
  const known = new Set(rows.map((row) => row.folder));
  const unknown = rows.flatMap((row) =>
    [...(row.imports ?? [])].filter((name) => !known.has(name)).map((name) => `${row.folder}: ${name}`),
  );
  assert.deepEqual(unknown, []);
});

test('the door of a folder that needs no Node reaches no Node module, however far away', () => {
  const doors = engine.map(({ path }) => path).filter((path) => path.endsWith('/index.ts') && path !== 'src/index.ts');
  const found: string[] = [];
  for (const door of doors) {
    const own = folderOf(door, rows);
    if (door !== `src/${own?.folder}/index.ts` || own?.row === undefined || own.row.node === 'yes') continue;
    for (const [module, way] of outsideModulesReachedFrom(door, engine)) {
      if (module.startsWith('node:')) found.push(`${own.folder} needs ${module}: ${way.join(' → ')}`);
    }
  }
  assert.deepEqual(found, []);
});

test('a folder has a door and is not marked (later); every other row is marked so', () => {
  const present = new Set(engine.map(({ path }) => folderOf(path, rows)?.row?.folder));
  const wrong: string[] = [];
  for (const { folder, later } of rows) {
    if (later && present.has(folder)) wrong.push(`${folder} exists: remove "(later)" from its row`);
    if (!later && !present.has(folder)) wrong.push(`${folder} does not exist: mark its row "(later)"`);
  }
  for (const { path } of engine) {
    const folder = folderOf(path, rows)?.folder ?? '.';
    const door = `src/${folder}/index.ts`;
    // Nothing imports the commands: they are entered by the package's bin.
    if (folder !== 'cli' && !existsSync(join(root, door)) && !wrong.includes(`${door} is missing`))
      wrong.push(`${door} is missing`);
  }
  assert.deepEqual(wrong, []);
});
