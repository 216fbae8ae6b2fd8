/**
 * The rules of this repository that a machine can check, one function each.
 *
 * A rule takes one file and returns what is wrong with it, with the line and what to do instead. `rules.test.ts` shows
 * for every rule a text that breaks it and one that does not; `architecture.test.ts` runs all of them over the tree.
 */
import { posix } from 'node:path';
import { type FolderRow, folderOf, mayImport } from './folder-table.ts';
import { importsOf, lineAt, maskSource } from './source-text.ts';

export interface SourceFile {
  /** From the root of the repository, with slashes. */
  readonly path: string;
  readonly text: string;
  /** The text as code only: see `maskSource`. */
  readonly code: string;
}

export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** What a rule needs besides the file. */
export interface Project {
  readonly rows: readonly FolderRow[];
  /** Packages that the published package depends on. */
  readonly dependencies: ReadonlySet<string>;
}

export type Rule = (file: SourceFile, project: Project) => Violation[];

export function sourceFile(path: string, text: string): SourceFile {
  return { path, text, code: path.endsWith('.ts') ? maskSource(text) : text };
}

const isTest = (path: string): boolean => /\.(test|bench)\.ts$/.test(path);
const isEngine = (path: string): boolean => path.startsWith('src/') && !isTest(path);
const isCode = (path: string): boolean => path.endsWith('.ts');

function matches(file: SourceFile, text: string, pattern: RegExp, message: (match: RegExpExecArray) => string): Violation[] {
  return [...text.matchAll(pattern)].map((match) => ({
    path: file.path,
    line: lineAt(text, match.index),
    message: message(match),
  }));
}

/** A folder imports only `common` and what its row in ARCHITECTURE.md lists. Tests may import any folder. */
export const importsFollowTheTable: Rule = (file, { rows }) => {
  const own = folderOf(file.path, rows);
  if (!isEngine(file.path) || own === undefined) return [];
  const { folder, row } = own;
  if (row === undefined) {
    return [
      { path: file.path, line: 1, message: `ARCHITECTURE.md has no row for src/${folder}: add one, with what it may import` },
    ];
  }
  const found: Violation[] = [];
  for (const { specifier, line } of importsOf(file.text, file.code)) {
    if (!specifier.startsWith('.')) continue;
    const target = posix.join(posix.dirname(file.path), specifier);
    const other = folderOf(target, rows);
    if (!target.startsWith('src/') || other === undefined) {
      found.push({ path: file.path, line, message: `src/${folder} imports ${target}: only folders of src may be imported` });
    } else if (other.folder !== folder && !mayImport(row, other.folder, other.row)) {
      const allowed = [...(row.imports ?? [])].join(', ') || 'nothing';
      found.push({
        path: file.path,
        line,
        message: `${folder} may not import ${other.folder} (its row in ARCHITECTURE.md allows common and ${allowed})`,
      });
    }
  }
  return found;
};

/** Another folder is entered by its door, `index.ts`, or by `node.ts`, the door to what needs Node; and no other way. */
export const foldersHaveOneDoor: Rule = (file, { rows }) => {
  if (!isCode(file.path)) return [];
  const own = folderOf(file.path, rows);
  const found: Violation[] = [];
  for (const { specifier, line } of importsOf(file.text, file.code)) {
    if (!specifier.startsWith('.')) continue;
    const target = posix.join(posix.dirname(file.path), specifier);
    const other = target.startsWith('src/') ? folderOf(target, rows) : undefined;
    if (other === undefined || (file.path.startsWith('src/') && other.folder === own?.folder)) continue;
    const door = `src/${other.folder}/index.ts`;
    if (target !== door && target !== `src/${other.folder}/node.ts`) {
      found.push({ path: file.path, line, message: `imports ${target} past its door: export it from ${door}` });
    }
  }
  return found;
};

/** The core runs wherever JavaScript runs: no Node module and no npm package in folders that ARCHITECTURE.md marks so. */
export const coreNeedsNoNode: Rule = (file, { rows }) => {
  const own = folderOf(file.path, rows);
  if (!isEngine(file.path) || own?.row?.node !== 'no') return [];
  return importsOf(file.text, file.code)
    .filter(({ specifier }) => !specifier.startsWith('.'))
    .map(({ specifier, line }) => ({
      path: file.path,
      line,
      message: `src/${own.folder} imports ${specifier}: the core needs no Node; have the host hand in what is needed of it`,
    }));
};

/** What the engine imports from npm is a dependency of the package. */
export const packagesAreDeclared: Rule = (file, { dependencies }) => {
  if (!isEngine(file.path)) return [];
  return importsOf(file.text, file.code)
    .filter(({ specifier }) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
    .map(({ specifier, line }) => ({ name: /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier, line }))
    .filter(({ name }) => !dependencies.has(name))
    .map(({ name, line }) => ({
      path: file.path,
      line,
      message: `imports ${name}, which is no dependency in package.json (a Node module is written node:${name})`,
    }));
};

const BANNED_CALLS: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\bDate\s*\.\s*now\b/g, 'Date.now: take a Clock and call currentTimeMs()'],
  [/\bnew\s+Date\s*\(\s*\)/g, 'new Date() without arguments: take a Clock and pass currentTimeMs()'],
  [/\bperformance\s*\.\s*(?:now|timeOrigin)\b/g, 'performance: take a Clock and call monotonicMs()'],
  [/\bprocess\s*\.\s*hrtime\b/g, 'process.hrtime: take a Clock and call monotonicMs()'],
  [
    /(?:\b(?:globalThis|window|timers)\s*\.\s*|(?<![.\w$]))set(?:Timeout|Interval)\s*\(/g,
    'a timer: take a Clock and call setTimer()',
  ],
  [
    /(?:\b(?:globalThis|window|timers)\s*\.\s*|(?<![.\w$]))setImmediate\s*\(/g,
    'setImmediate: take a Scheduler and call yieldThen()',
  ],
  [/\bMath\s*\.\s*random\b/g, 'Math.random: take a Random and call next()'],
  [/\bcrypto\s*\.\s*(?:randomUUID|getRandomValues|randomBytes)\b/g, 'chance from crypto: take a Random and call next()'],
];

/** Time and chance are injected. `src/common/clock.ts` is where the platform's own are used. */
export const timeAndChanceAreInjected: Rule = (file) => {
  if (!isEngine(file.path) || file.path === 'src/common/clock.ts') return [];
  const timers = importsOf(file.text, file.code)
    .filter(({ specifier }) => /^node:(timers|perf_hooks)/.test(specifier))
    .map(({ specifier, line }) => ({ path: file.path, line, message: `${specifier}: take a Clock and a Scheduler` }));
  return [...timers, ...BANNED_CALLS.flatMap(([pattern, instead]) => matches(file, file.code, pattern, () => instead))];
};

const GENERATES_CODE = /^src\/(task|serialization|formats)\//;

/** Code is made from text only where the engine generates it. */
export const codeIsGeneratedInFewPlaces: Rule = (file) => {
  if (!isEngine(file.path) || GENERATES_CODE.test(file.path)) return [];
  return matches(
    file,
    file.code,
    /(?<![.\w$])eval\s*\(|(?<![.\w$])(?:new\s+)?Function\s*\(/g,
    (match) => `${match[0].trim()}…): code is generated in src/task, src/serialization and src/formats only`,
  );
};

/** A long file says why it is long. */
export const longFilesSayWhy: Rule = (file) => {
  const lines = file.text.split('\n').length - 1;
  if (!isCode(file.path) || lines <= 500 || header(file.text).includes('over 500 lines because')) return [];
  return [{ path: file.path, line: 1, message: `${lines} lines: split it, or say "over 500 lines because …" in the header` }];
};

/** A file of some size opens with a comment (imports may come first): purpose, invariants, why it is so. */
export const filesOpenWithTheirPurpose: Rule = (file) => {
  if (!isCode(file.path) || isTest(file.path) || file.path.endsWith('/index.ts')) return [];
  if (file.text.split('\n').length <= 30 || header(file.text) !== '' || header(withoutImports(file)) !== '') return [];
  return [{ path: file.path, line: 1, message: 'opens without a comment: say its purpose, its invariants and why it is so' }];
};

function header(text: string): string {
  return /^(?:#![^\n]*\n)?\s*(\/\*[\s\S]*?\*\/|(?:\/\/[^\n]*\n)+)/.exec(text)?.[1]?.replace(/\s*\n\s*(?:\*|\/\/)\s*/g, ' ') ?? '';
}

function withoutImports(file: SourceFile): string {
  return file.text.slice(/^(?:\s*import\b[^;]*;)*/.exec(file.code)?.[0].length ?? 0);
}

/** Files are called in kebab-case, and not by words that say nothing. */
export const filesHaveTellingNames: Rule = (file) => {
  if (!isCode(file.path)) return [];
  const name = posix.basename(file.path).replace(/(\.(test|bench|property\.test|service\.test|types\.test|d))?\.ts$/, '');
  const found: Violation[] = [];
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) found.push({ path: file.path, line: 1, message: 'file names are in kebab-case' });
  const empty = /(?:^|-)(utils?|helpers?|impl|abstract|base|default|factory|misc)(?:-|$)/.exec(name);
  if (empty) found.push({ path: file.path, line: 1, message: `"${empty[1]}" says nothing: name the file after its main export` });
  return found;
};

/** A door lists what it shows by name, so that nothing becomes public by accident. */
export const doorsListTheirNames: Rule = (file) => {
  if (!file.path.startsWith('src/')) return [];
  return matches(file, file.code, /\bexport\s*(?:type\s*)?\*\s*from\b/g, () => 'export *: list the names');
};

/** Nothing lands half-done by its own words. */
export const nothingIsLeftOver: Rule = (file) =>
  matches(file, file.text, /\b(TODO|FIXME|XXX|HACK)\b/g, (match) => `${match[1]}: do it now, or file an issue`);

/** Every test runs. */
export const everyTestRuns: Rule = (file) => {
  if (!isTest(file.path)) return [];
  const call = /\b(?:test|it|describe|suite)\s*\.\s*(only|skip|todo)\b|\b(?:t|context|ctx)\s*\.\s*(skip|todo)\s*\(/g;
  const option = /[{,]\s*(only|skip|todo)\s*:\s*(?:true\b|['"`])/g;
  return [call, option].flatMap((pattern) =>
    matches(file, file.code, pattern, (match) => `${match[1] ?? match[2]}: every test runs, everywhere`),
  );
};

/** The repository knows no particular machine. */
export const noMachinePaths: Rule = (file) =>
  matches(
    file,
    file.text,
    /(?<![\w.\-/}])\/(?:work|farm|tmp|root|home|Users)\/|\b[A-Z]:\\\\?Users\b/g,
    (match) => `${match[0]}…: a path of one machine (a temporary folder comes from os.tmpdir())`,
  );

export const RULES: Readonly<Record<string, Rule>> = {
  importsFollowTheTable,
  foldersHaveOneDoor,
  coreNeedsNoNode,
  packagesAreDeclared,
  timeAndChanceAreInjected,
  codeIsGeneratedInFewPlaces,
  longFilesSayWhy,
  filesOpenWithTheirPurpose,
  filesHaveTellingNames,
  doorsListTheirNames,
  nothingIsLeftOver,
  everyTestRuns,
  noMachinePaths,
};
