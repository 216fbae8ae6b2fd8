/** The options that the commands share: from the command line to configuration, checked before anything is started. */
import process from 'node:process';
import { ExecutionOptions } from '../api/index.ts';
import { type ConfigOption, Configuration, type LogLevel } from '../common/index.ts';
import { ALL_LOCAL_OPTIONS, parseLogLevel } from '../local/index.ts';
import { ProgramError } from './program-error.ts';

export interface ProgramOptions {
  /** As given: `key=value`. */
  readonly D: readonly string[];
  readonly parallelism?: string;
  readonly fromSavepoint?: string;
  readonly allowNonRestoredState?: boolean;
  readonly logLevel?: LogLevel;
  readonly stacktrace?: boolean;
}

/** @throws MillraceError, ProgramError for a key that is unknown or a value that does not fit */
export function configurationOf(options: ProgramOptions): Readonly<Record<string, string>> {
  const configuration: Record<string, string> = {};
  for (const setting of options.D) {
    const at = setting.indexOf('=');
    if (at <= 0) throw new ProgramError(`-D takes key=value, as in -D parallelism.default=2; got '${setting}'.`);
    configuration[setting.slice(0, at).trim()] = setting.slice(at + 1).trim();
  }
  if (options.parallelism !== undefined) configuration[ExecutionOptions.PARALLELISM.key] = options.parallelism;
  if (options.fromSavepoint !== undefined) configuration[ExecutionOptions.SAVEPOINT_PATH.key] = options.fromSavepoint;
  if (options.allowNonRestoredState) configuration[ExecutionOptions.SAVEPOINT_IGNORE_UNCLAIMED_STATE.key] = 'true';
  Configuration.from(configuration, [...(Object.values(ExecutionOptions) as ConfigOption<unknown>[]), ...ALL_LOCAL_OPTIONS]);
  return configuration;
}

/** Whether failures are shown with the frames of the engine. */
export function wantsStacktrace(options: ProgramOptions): boolean {
  return options.stacktrace === true || (options.logLevel ?? process.env.MILLRACE_LOG) === 'debug';
}

export function logLevelOf(options: ProgramOptions): LogLevel {
  if (options.logLevel !== undefined) return options.logLevel;
  const { MILLRACE_LOG } = process.env;
  return MILLRACE_LOG ? parseLogLevel(MILLRACE_LOG, 'The environment variable MILLRACE_LOG') : 'warn';
}
