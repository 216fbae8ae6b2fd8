/** Finds the line of the user's own code in a stack trace: the first frame that is neither the engine's nor the platform's. */

const ENGINE_ROOT = new URL('..', import.meta.url).href;
const ENGINE_PATH = ENGINE_ROOT.replace(/^file:\/\//, '');
const FOREIGN = ['node:', 'millrace://', '<anonymous>', '(native)', '/node_modules/millrace/'];

/** For instance `parse (file:///jobs/job.ts:12:9)`; `undefined` if all frames are foreign. */
export function userFrameOf(error: unknown): string | undefined {
  const stack = error instanceof Error ? error.stack : undefined;
  if (stack === undefined) return undefined;
  for (const line of stack.split('\n')) {
    const frame = /^\s+at (.+)$/.exec(line)?.[1];
    if (frame === undefined) continue;
    if (FOREIGN.some((part) => frame.includes(part))) continue;
    if ((frame.includes(ENGINE_ROOT) || frame.includes(ENGINE_PATH)) && !frame.includes('.test.')) continue;
    return frame.replace('file://', '');
  }
  return undefined;
}
