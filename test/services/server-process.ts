/**
 * One server process in a temporary folder: started, awaited, killed, started again on the same data, stopped.
 *
 * The server never outlives the test: a **watcher**, a shell that reads a pipe from this process, kills the server and removes
 * its folder when the pipe ends, which it does however this process ends, by SIGKILL too. Nor does it keep this process alive: a test that
 * forgets to stop it ends all the same.
 *
 * Only processes that were started here are signalled, by their id.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ServerOptions {
  /** For messages and for the name of the folder. */
  readonly name: string;
  /** Made with {@link serverFolder}; removed with the server. */
  readonly folder: string;
  /** The words of the command; they run in the folder. */
  readonly command: readonly string[];
  /** Whose process it is, if not that of this process' user. */
  readonly account?: { readonly uid: number; readonly gid: number };
  /** Whether the server answers. Throwing means no. Asked every 20 ms. */
  readonly ready: () => Promise<boolean>;
  /** What ends the server for good, when its data are removed too. Default: SIGKILL. */
  readonly stopSignal?: NodeJS.Signals;
  /** How long a start may take. Default: 120 s. */
  readonly startTimeoutMs?: number;
}

// Words: the folder, the signal. Each line that it reads is the id of the process that runs now, or empty.
const WATCHER = `trap "" HUP INT TERM
while read -r line; do pid=$line; done
[ -n "$pid" ] && kill -s "$1" "$pid" && sleep 0.3 && kill -s KILL "$pid"
rm -rf "$0"`;

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A new temporary folder for a server. */
export function serverFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `millrace-${name}-`));
}

export class ServerProcess {
  readonly #options: ServerOptions;
  readonly #watcher: ChildProcess;
  #child: ChildProcess | undefined;
  #exited: Promise<unknown> = Promise.resolve();

  constructor(options: ServerOptions) {
    this.#options = options;
    const signal = (options.stopSignal ?? 'SIGKILL').slice('SIG'.length);
    this.#watcher = spawn('sh', ['-c', WATCHER, options.folder, signal], { stdio: ['pipe', 'ignore', 'ignore'], cwd: '/' });
    this.#watcher.unref();
    (this.#watcher.stdin as unknown as { unref(): void }).unref();
    this.#watcher.stdin?.on('error', () => {});
  }

  /** The id of the process; undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** The end of what the server has printed. */
  logTail(): string {
    return readFileSync(join(this.#options.folder, 'log'), 'utf8').slice(-3000);
  }

  /** Starts the server on the data that its folder holds, and resolves when it answers. */
  async start(): Promise<void> {
    if (this.#child !== undefined) throw new Error(`${this.#options.name} runs already, as process ${this.#child.pid}`);
    const { name, command, account, folder, ready, startTimeoutMs = 120_000 } = this.#options;
    const [program, ...words] = command;
    const log = openSync(join(folder, 'log'), 'a');
    const child = spawn(program as string, words, { ...account, cwd: folder, stdio: ['ignore', log, log] });
    closeSync(log);
    let failure: Error | undefined;
    this.#child = child;
    this.#exited = new Promise<void>((resolve) => {
      child.once('error', (error) => {
        failure = error;
        resolve();
      });
      child.once('exit', () => resolve());
    }).then(() => {
      this.#child = undefined;
      this.#watcher.stdin?.write('\n');
    });
    this.#watcher.stdin?.write(`${child.pid ?? ''}\n`);
    child.unref();
    const deadline = performance.now() + startTimeoutMs;
    let answer: unknown;
    const asked = (error: unknown): false => {
      answer = error;
      return false;
    };
    while (!(await ready().catch(asked))) {
      if (this.#child === undefined) {
        throw new Error(`${name} ended at its start: ${failure?.message ?? this.logTail()}`);
      }
      if (performance.now() > deadline) {
        await this.kill();
        throw new Error(`${name} did not answer within ${startTimeoutMs} ms (${answer}):\n${this.logTail()}`);
      }
      await delay(20);
    }
  }

  /** Ends the process at once; its data stay. Resolves when it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child?.ref();
    this.#child?.kill(signal);
    await this.#exited;
  }

  /** Ends the process for good (after 10 s by force), and removes its data. */
  async stop(): Promise<void> {
    const force = setTimeout(() => this.#child?.kill('SIGKILL'), 10_000);
    await this.kill(this.#options.stopSignal ?? 'SIGKILL');
    clearTimeout(force);
    this.#watcher.kill('SIGKILL');
    rmSync(this.#options.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
