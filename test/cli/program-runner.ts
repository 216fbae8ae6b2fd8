/**
 * Runs programs as users do, from the sources of the package: `millrace …` and `node job.ts`, each in a process of its own.
 * Programs are written into a temporary folder that has the package among its modules, and is removed when the tests are over.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const CLI = join(root, 'src/cli/main.ts');
export const NODE = [process.execPath, '--conditions=millrace-source'] as const;
const TIMEOUT_MS = 60_000;

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
}

export interface RunningProgram {
  readonly child: ChildProcessWithoutNullStreams;
  readonly outcome: Promise<Outcome>;
  /** Resolves when `text` has been printed to stdout or stderr. */
  printed(text: string): Promise<void>;
}

/** A folder with `files` in it, by their names. */
export function programFolder(files: Readonly<Record<string, string>>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-cli-')));
  after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/millrace'), 'junction');
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

export function startProcess(folder: string, command: readonly string[], environment: NodeJS.ProcessEnv = {}): RunningProgram {
  const [file = '', ...args] = command;
  const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1', ...environment };
  delete env.FORCE_COLOR;
  delete env.NODE_OPTIONS;
  const child = spawn(file, args, { cwd: folder, env, stdio: ['pipe', 'pipe', 'pipe'], timeout: TIMEOUT_MS });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text) => (output[name] += text));
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ ...output, exitCode }));
  });
  const printed = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if ((output.stdout + output.stderr).includes(text)) resolve();
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      child.on('close', () => reject(new Error(`ended without printing '${text}': ${output.stdout}${output.stderr}`)));
      look();
    });
  return { child, outcome, printed };
}

export const millrace = (folder: string, ...args: string[]): Promise<Outcome> =>
  startProcess(folder, [...NODE, CLI, ...args]).outcome;

export const node = (folder: string, ...args: string[]): Promise<Outcome> => startProcess(folder, [...NODE, ...args]).outcome;
