import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findCycle, folderOf, parseFolderTable } from './folder-table.ts';
import { outsideModulesReachedFrom } from './reach.ts';
import { type Project, RULES, sourceFile } from './rules.ts';
import { importsOf, maskSource } from './source-text.ts';

const TABLE = `# Title

| folder | what it is for | imports | Node |
|---|---|---|---|
| \`common\` | ground | – | no |
| \`state\` | state | \`common\` | no |
| \`task\` | tasks | \`state\` | no |
| \`connectors/<name>\` | outside | \`state\` | yes |
| \`rest\` | endpoints (later) | \`task\` | yes |
| \`cli\` | commands | anything | yes |

After the table.
`;
const project: Project = { rows: parseFolderTable(TABLE), dependencies: new Set(['esbuild']) };

function complaints(rule: string, path: string, text: string): string[] {
  const check = RULES[rule];
  assert.ok(check, `there is no rule ${rule}`);
  return check(sourceFile(path, text), project).map((violation) => `${violation.line}: ${violation.message}`);
}

interface Case {
  readonly path: string;
  readonly bad: string;
  readonly says: RegExp;
  readonly good: string;
  readonly goodPath?: string;
}

const CASES: Readonly<Record<string, readonly Case[]>> = {
  importsFollowTheTable: [
    {
      path: 'src/state/heap.ts',
      bad: "import { x } from '../common/index.ts';\nimport type { Y } from '../task/index.ts';",
      says: /^2: state may not import task/,
      good: "import { x } from '../common/index.ts';\nimport { z } from './other.ts';",
    },
    {
      path: 'src/connectors/kafka/reader.ts',
      bad: "export { x } from '../files/index.ts';",
      says: /^1: connectors\/kafka may not import connectors\/files/,
      good: "export { x } from '../../state/index.ts';",
    },
    {
      path: 'src/task/a.ts',
      bad: "await import('../../test/x.ts');",
      says: /only folders of src/,
      good: "await import('./x.ts');",
    },
    {
      path: 'src/unheard/a.ts',
      bad: 'const x = 1;',
      says: /no row for src\/unheard/,
      good: 'const x = 1;',
      goodPath: 'src/task/a.ts',
    },
  ],
  foldersHaveOneDoor: [
    {
      path: 'src/task/a.ts',
      bad: "import { x } from '../state/heap.ts';",
      says: /past its door: export it from src\/state\/index\.ts/,
      good: "import { x } from '../state/index.ts';\nimport { y } from '../state/node.ts';",
    },
    {
      path: 'test/x/a.test.ts',
      bad: "import { x } from '../../src/connectors/kafka/reader.ts';",
      says: /src\/connectors\/kafka\/index\.ts/,
      good: "import { x } from '../../src/connectors/kafka/index.ts';",
    },
  ],
  coreNeedsNoNode: [
    {
      path: 'src/state/a.ts',
      bad: "import { readFileSync } from 'node:fs';",
      says: /needs no Node/,
      good: "import { x } from './b.ts';",
    },
    {
      path: 'src/state/a.ts',
      bad: "import { build } from 'esbuild';",
      says: /needs no Node/,
      good: "import { build } from 'esbuild';",
      goodPath: 'src/cli/a.ts',
    },
  ],
  packagesAreDeclared: [
    {
      path: 'src/cli/a.ts',
      bad: "import x from 'left-pad/lib';",
      says: /imports left-pad, which/,
      good: "import { build } from 'esbuild';",
    },
    { path: 'src/cli/a.ts', bad: "import fs from 'fs';", says: /node:fs/, good: "import fs from 'node:fs';" },
  ],
  timeAndChanceAreInjected: [
    { path: 'src/task/a.ts', bad: 'const t = Date.now();', says: /currentTimeMs/, good: "const t = 'Date.now()'; // Date.now()" },
    { path: 'src/task/a.ts', bad: 'const t = new Date();', says: /currentTimeMs/, good: 'const t = new Date(ms);' },
    { path: 'src/task/a.ts', bad: 'performance.now();', says: /monotonicMs/, good: 'clock.monotonicMs();' },
    { path: 'src/task/a.ts', bad: 'process.hrtime.bigint();', says: /monotonicMs/, good: 'process.exitCode;' },
    { path: 'src/task/a.ts', bad: 'setTimeout(f, 1);', says: /setTimer/, good: 'socket.setTimeout(1); queueMicrotask(f);' },
    { path: 'src/task/a.ts', bad: 'globalThis.setInterval(f, 1);', says: /setTimer/, good: 'clearInterval(x);' },
    {
      path: 'src/task/a.ts',
      bad: 'setImmediate(f);',
      says: /yieldThen/,
      good: 'setImmediate(f);',
      goodPath: 'src/common/clock.ts',
    },
    { path: 'src/task/a.ts', bad: 'Math.random();', says: /next\(\)/, good: 'Math.random();', goodPath: 'src/task/a.bench.ts' },
    { path: 'src/cli/a.ts', bad: 'crypto.randomUUID();', says: /next\(\)/, good: 'crypto.subtle;' },
    {
      path: 'src/cli/a.ts',
      bad: "import { setTimeout } from 'node:timers/promises';",
      says: /Clock/,
      good: "import fs from 'node:fs';",
    },
  ],
  codeIsGeneratedInFewPlaces: [
    {
      path: 'src/cli/a.ts',
      bad: "new Function('return 1');",
      says: /generated in/,
      good: "new Function('return 1');",
      goodPath: 'src/task/a.ts',
    },
    { path: 'src/cli/a.ts', bad: "eval('1');", says: /generated in/, good: 'retrieval(1); new MapFunction(f);' },
  ],
  longFilesSayWhy: [
    {
      path: 'src/task/a.ts',
      bad: `/** A file. */\n${'x();\n'.repeat(500)}`,
      says: /^1: 501 lines/,
      good: `/**\n * Over the years; over 500 lines\n * because it is one table.\n */\n${'x();\n'.repeat(500)}`,
    },
  ],
  filesOpenWithTheirPurpose: [
    {
      path: 'src/task/a.ts',
      bad: `import x from './x.ts';\n${'x();\n'.repeat(30)}`,
      says: /purpose/,
      good: `#!/usr/bin/env node\n/** Why. */\n${'x();\n'.repeat(30)}`,
    },
    {
      path: 'src/task/a.ts',
      bad: `import x from './x.ts';\nexport class A {\n/** A method. */\n${'x();\n'.repeat(30)}`,
      says: /purpose/,
      good: `import x from './x.ts';\nimport {\n  y,\n} from './y.ts';\n\n/** Why. */\nexport class A {${'x();\n'.repeat(30)}`,
    },
    { path: 'src/task/a.ts', bad: 'x();\n'.repeat(30), says: /purpose/, good: 'x();\n'.repeat(29) },
  ],
  filesHaveTellingNames: [
    { path: 'src/task/mailBox.ts', bad: '', says: /kebab-case/, good: '', goodPath: 'src/task/mailbox.property.test.ts' },
    {
      path: 'src/task/mailbox-utils.ts',
      bad: '',
      says: /"utils" says nothing/,
      good: '',
      goodPath: 'src/task/user-based-window.ts',
    },
  ],
  doorsListTheirNames: [
    { path: 'src/task/index.ts', bad: "export * from './a.ts';", says: /list the names/, good: "export { a } from './a.ts';" },
  ],
  nothingIsLeftOver: [
    { path: 'src/task/a.ts', bad: '// TODO: later', says: /TODO: do it now/, good: '// todos are kept elsewhere' },
  ],
  everyTestRuns: [
    { path: 'src/task/a.test.ts', bad: "test.only('x', f);", says: /only/, good: "test('it.only', f);" },
    { path: 'src/task/a.test.ts', bad: "test('x', { skip: true }, f);", says: /skip/, good: "csv({ malformed: 'skip' });" },
    { path: 'src/task/a.test.ts', bad: "t.skip('slow');", says: /skip/, good: 'reader.skip(4);' },
  ],
  noMachinePaths: [
    { path: 'README.md', bad: 'see /home/me/x', says: /os\.tmpdir/, good: 'see https://example.org/home/me and src/work/x' },
    { path: 'src/cli/a.ts', bad: "const out = '/tmp/out';", says: /os\.tmpdir/, good: 'const out = `${base}/tmp/out`;' },
  ],
};

describe('rules', () => {
  test('every rule has a case', () => {
    assert.deepEqual(Object.keys(CASES).sort(), Object.keys(RULES).sort());
  });

  for (const [rule, cases] of Object.entries(CASES)) {
    for (const { path, bad, says, good, goodPath } of cases) {
      test(`${rule} finds ${JSON.stringify(bad.slice(0, 60))} in ${path}`, () => {
        const found = complaints(rule, path, bad);
        assert.equal(found.length, 1, `one complaint, not ${JSON.stringify(found)}`);
        assert.match(found[0] as string, says);
        assert.deepEqual(complaints(rule, goodPath ?? path, good), []);
      });
    }
  }
});

describe('source text', () => {
  test('every kind of import is found, types included, with its line', () => {
    const text = [
      "import a, { type B } from './a.ts';",
      "import type { C } from './c.ts';",
      "import * as d from './d.ts';",
      "import './e.ts';",
      "export { f } from './f.ts';",
      "export type * from './g.ts';",
      "const h: import('./h.ts').H = await import('./i.ts');",
      'import {\n  j,\n} from "./j.ts";',
      "// import './comment.ts';",
      "const text = `import './text.ts' ${await import('./k.ts')}`;",
    ].join('\n');
    assert.deepEqual(
      importsOf(text).map(({ specifier, line }) => `${line} ${specifier}`),
      ['1 ./a.ts', '2 ./c.ts', '3 ./d.ts', '4 ./e.ts', '5 ./f.ts', '6 ./g.ts', '7 ./h.ts', '7 ./i.ts', '8 ./j.ts', '12 ./k.ts'],
    );
  });

  test('masking keeps code and positions and blanks the rest', () => {
    const cases: readonly (readonly [string, string])[] = [
      ["a('b\\'c') // d", "a('    ')     "],
      ['a /* b\nc */ d', 'a     \n     d'],
      ['`a${b + `c${d}` + {}}e`', '` ${b + ` ${d}` + {}} `'],
      ['x = /[/\'"]+/.test(y)', 'x = /      /.test(y)'],
      ['a / b / c', 'a / b / c'],
      ["return /'/", 'return / /'],
    ];
    for (const [text, masked] of cases) {
      assert.equal(maskSource(text), masked);
    }
  });
});

describe('reach', () => {
  test('modules from outside are found however far away, with the way to them', () => {
    const files = [
      sourceFile('src/a/index.ts', "import { b } from './b.ts';\nimport type { C } from '../c/index.ts';"),
      sourceFile('src/a/b.ts', "import { C } from './index.ts';"),
      sourceFile('src/a/node.ts', "import 'node:fs';"),
      sourceFile('src/c/index.ts', "export const d = () => import('./d.ts');"),
      sourceFile('src/c/d.ts', "import 'node:net';"),
    ];
    assert.deepEqual(
      [...outsideModulesReachedFrom('src/a/index.ts', files)],
      [['node:net', ['src/a/index.ts', 'src/c/index.ts', 'src/c/d.ts']]],
    );
  });
});

describe('folder table', () => {
  test('a nested row stands for each folder inside', () => {
    assert.equal(folderOf('src/connectors/kafka/deep/a.ts', project.rows)?.folder, 'connectors/kafka');
    assert.equal(folderOf('src/task/deep/a.ts', project.rows)?.folder, 'task');
    assert.equal(folderOf('src/index.ts', project.rows), undefined);
    const rows = parseFolderTable(TABLE.replace('| `rest` |', '| `connectors/print` | prints | – | no |\n| `rest` |'));
    assert.equal(folderOf('src/connectors/print/a.ts', rows)?.row?.node, 'no');
    assert.equal(folderOf('src/connectors/kafka/a.ts', rows)?.row?.node, 'yes');
  });

  test('a row that cannot be read is refused', () => {
    assert.throws(
      () => parseFolderTable(TABLE.replace('| `state` | state | `common` | no |', '| `state` | state | common | no |')),
      /state/,
    );
    assert.throws(() => parseFolderTable(TABLE.replace('| tasks |', '| tasks |  |')), /cannot read/);
    assert.throws(() => parseFolderTable('# No table'), /no table/);
  });

  test('a cycle is found and shown', () => {
    const edges = (text: string) => new Map(text.split(' ').map((edge) => [edge[0] as string, [...edge.slice(1)]] as const));
    assert.deepEqual(findCycle(edges('ab bc cdb')), ['b', 'c', 'b']);
    assert.equal(findCycle(edges('abc bc cd')), undefined);
  });
});
