/**
 * Where programs are executed, and what they can reach there: the one thing that differs between the hosts of a program.
 *
 * A program never names its host. The composition root (the package's main module, the command line, a test) installs
 * one; `env.execute()` hands it the job.
 */
import type { JobClient } from '../client/index.ts';
import { type ConfigOption, type Configuration, MillraceError, type Random } from '../common/index.ts';
import type { Source } from '../connector/index.ts';
import type { Program } from '../operators/index.ts';
import type { JobSubmission } from '../protocol/index.ts';

/** A stream of text that can be full. */
export interface TextOutput {
  /** @returns `undefined`, or a promise that resolves when there is room again */
  write(text: string): Promise<void> | undefined;
}

export interface ProgramHost {
  /** @param configuration of the environment that built the job */
  execute(submission: JobSubmission, program: Program, configuration: Configuration): Promise<JobClient>;
  readonly random: Random;
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
  /** Lines of text from a TCP connection; absent where there are no sockets. */
  socketTextSource?(host: string, port: number, options: SocketTextOptions): Source<string>;
  /** Configuration that the host brings, under what the program sets itself. */
  readonly configuration?: Readonly<Record<string, unknown>>;
  /** Options of the host itself, which configurations may set beside those of every program. */
  readonly options?: readonly ConfigOption<unknown>[];
  /** The program runs once more, to find its functions: what its jobs collect is on the thread where it ran first. */
  readonly isReplay?: boolean;
}

export interface SocketTextOptions {
  /** '\n' unless given. */
  readonly delimiter?: string;
  /** How often a lost connection is opened again; 0 unless given, −1 for ever. */
  readonly maxRetries?: number;
}

let installed: ProgramHost | undefined;

/** @returns the host that was installed before */
export function installHost(host: ProgramHost | undefined): ProgramHost | undefined {
  const before = installed;
  installed = host;
  return before;
}

/** @throws MillraceError `ILLEGAL_STATE` if none is installed */
export function installedHost(): ProgramHost {
  if (installed) return installed;
  throw new MillraceError(
    'ILLEGAL_STATE',
    "No host is installed. Import StreamExecutionEnvironment from 'millrace', which installs the local one.",
  );
}
