/**
 * What is printed when something fails: the message first, then the lines of the user's own code, and the rest of the stack only
 * on request.
 */
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters, styleText } from 'node:util';
import { MillraceError, toError, userFramesOf } from '../common/index.ts';
import { ProgramError } from './program-error.ts';
import { shownPath } from './source-position.ts';

const MAX_USER_FRAMES = 4;

export function describeError(thrown: unknown, options: { readonly stacktrace: boolean }): string {
  const error = toError(thrown);
  const label = styleText('red', 'Error', { stream: process.stderr });
  if (error instanceof ProgramError) return `${label}: ${error.message}`;
  const name = error instanceof MillraceError || error.name === 'Error' ? '' : `${error.name}: `;
  const lines = [`${label}: ${shortenPaths(`${name}${error.message}`)}`];
  const frames = userFramesOf(error).filter((frame) => !frame.includes('/node_modules/'));
  for (const frame of frames.slice(0, MAX_USER_FRAMES)) {
    if (!error.message.includes(frame)) lines.push(`  at ${shortenPaths(frame)}`);
  }
  if (options.stacktrace) lines.push('', ...stacks(error));
  else if (error instanceof MillraceError && error.code === 'INTERNAL') lines.push('  (run with --stacktrace to see where)');
  return lines.join('\n');
}

/** Whether the reader of the output went away: nothing that anybody wants to read about. */
export function isBrokenPipe(thrown: unknown): boolean {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    // The code does not survive the way through the control plane; the message does.
    if ((error as { code?: unknown }).code === 'EPIPE' || /\bEPIPE\b/.test(error.message)) return true;
  }
  return false;
}

function stacks(error: Error): string[] {
  const lines: string[] = [];
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    lines.push(`${lines.length === 0 ? '' : 'Caused by: '}${stripVTControlCharacters(cause.stack ?? String(cause))}`);
  }
  return lines;
}

/** Paths in a frame or message as the user would write them. */
function shortenPaths(text: string): string {
  return text
    .replaceAll(/file:\/\/\/[^\s:)]+/g, (url) => fileURLToPath(url))
    .replaceAll(/(?<=^|[(\s])\/[^\s:)]+(?=:\d+:\d+)/g, (path) => shownPath(path));
}
