import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

interface LockedPackage {
  readonly version?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
type Packages = Readonly<Record<string, LockedPackage>>;

const read = (name: string) => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));
const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** Packages that are depended on and have no entry of their own: npm 11 refuses such a lock file, on every platform. */
function unlocked(packages: Packages): string[] {
  const locked = new Set(Object.keys(packages).map(nameOf));
  return Object.values(packages)
    .flatMap((entry) => Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }))
    .filter((name) => !locked.has(name));
}

/** Packages whose install scripts nobody has decided on: npm 12 does not run them. */
function undecided(packages: Packages, allowScripts: Readonly<Record<string, boolean>>): string[] {
  return Object.entries(packages)
    .filter(([path, entry]) => entry.hasInstallScript && !(nameOf(path) in allowScripts))
    .map(([path]) => nameOf(path));
}

test('the lock file names every package of every platform', () => {
  const packages: Packages = {
    '': { dependencies: { tool: '1' } },
    'node_modules/tool': { version: '1', optionalDependencies: { '@tool/linux': '1', '@tool/darwin': '1' } },
    'node_modules/@tool/linux': { version: '1' },
  };
  assert.deepEqual(unlocked(packages), ['@tool/darwin']);
  assert.deepEqual(unlocked(read('package-lock.json').packages), [], 'see "Changes" in CONTRIBUTING.md');
});

test('every install script is allowed or denied in package.json', () => {
  const packages: Packages = {
    'node_modules/a': { hasInstallScript: true },
    'node_modules/b/node_modules/c': { hasInstallScript: true },
  };
  assert.deepEqual(undecided(packages, { a: true }), ['c']);
  assert.deepEqual(undecided(read('package-lock.json').packages, read('package.json').allowScripts), []);
});

test('the lock file belongs to this package.json', () => {
  const manifest = read('package.json');
  const root = read('package-lock.json').packages[''];
  assert.deepEqual(root.dependencies, manifest.dependencies);
  assert.deepEqual(root.devDependencies, manifest.devDependencies);
  assert.equal(root.version, manifest.version);
});
