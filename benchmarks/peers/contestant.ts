/**
 * A contestant is a command. It is told what to do by environment variables (`PEERS_…`, see `environment`), prints the line `READING`
 * when it has its first record, runs until it is stopped, and is judged by what it writes to the output topic alone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { ProcessMeter } from './process-meter.ts';

export interface Contestant {
  readonly name: string;
  /** For the report: version, and what was set. */
  readonly about: string;
  /** Installs and builds, unless that was done before. */
  prepare(): Promise<void>;
  command(settings: RunSettings): readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunSettings {
  /** host:port */
  readonly broker: string;
  /** host:port */
  readonly redis: string;
  readonly input: string;
  readonly output: string;
  /** Views of this campaign also go to the output one by one; empty: none do. */
  readonly probe: string;
  readonly mode: 'catch-up' | 'latency';
  readonly parallelism: number;
  readonly checkpointMs: number;
  readonly heapMb: number;
  /** Empty at the start; removed after the run. */
  readonly folder: string;
}

export function environment(settings: RunSettings): Record<string, string> {
  return {
    PEERS_BOOTSTRAP: settings.broker,
    PEERS_REDIS: settings.redis,
    PEERS_INPUT: settings.input,
    PEERS_OUTPUT: settings.output,
    PEERS_PROBE: settings.probe,
    PEERS_MODE: settings.mode,
    PEERS_PARALLELISM: String(settings.parallelism),
    PEERS_CHECKPOINT_MS: String(settings.checkpointMs),
    PEERS_HEAP_MB: String(settings.heapMb),
    PEERS_FOLDER: settings.folder,
  };
}

export interface Reading {
  readonly wallMs: number;
  readonly cpuSeconds: number;
}

const STOP_MS = 5_000;
const READING = /^READING$/m;

export class RunningContestant {
  readonly startedMs: number;
  readonly meter: ProcessMeter;
  /** Rejected if the process ends before. */
  readonly reading: Promise<Reading>;
  /** The process has ended, by itself or stopped. */
  readonly ended: Promise<void>;
  private readonly child: ChildProcess;
  private readonly logFile: string;

  constructor(contestant: Contestant, settings: RunSettings) {
    this.logFile = join(settings.folder, 'contestant.log');
    const log = openSync(this.logFile, 'a');
    const [program = '', ...args] = contestant.command(settings);
    this.startedMs = Date.now();
    // Of a session of its own, so that all its processes can be counted and ended; it ends when this process does.
    this.child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], {
      cwd: settings.folder,
      env: { ...process.env, ...environment(settings), ...contestant.env },
      stdio: ['ignore', 'pipe', log],
      detached: true,
    });
    closeSync(log);
    const pid = this.child.pid;
    if (pid === undefined) throw new Error(`${contestant.name} cannot be started: is setpriv (util-linux) there?`);
    this.meter = new ProcessMeter(pid);
    const reading = Promise.withResolvers<Reading>();
    const ended = Promise.withResolvers<void>();
    this.reading = reading.promise;
    this.ended = ended.promise;
    reading.promise.catch(() => {});
    let printed = '';
    this.child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      if (printed.length > 10_000) return;
      printed += chunk;
      if (READING.test(printed)) reading.resolve({ wallMs: Date.now(), cpuSeconds: this.meter.cpuSeconds() });
    });
    this.child.once('exit', (code, signal) => {
      this.meter.stop();
      reading.reject(new Error(`${contestant.name} ended (${signal ?? code}) before it read anything:\n${this.logTail()}`));
      ended.resolve();
    });
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  logTail(): string {
    return readFileSync(this.logFile, 'utf8').slice(-3000);
  }

  /** Asks all its processes to end, and makes them after a while. */
  async stop(): Promise<void> {
    this.meter.stop();
    this.signal('SIGTERM');
    const force = setTimeout(() => this.signal('SIGKILL'), STOP_MS);
    await this.ended;
    clearTimeout(force);
    this.signal('SIGKILL');
  }

  private signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-(this.child.pid as number), signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
