/** Finds the lines of the user's own code in a stack trace: the frames that are neither the engine's nor the platform's. */

/** Where the engine's code is: as built, and the sources that source maps lead to. */
const PACKAGE_ROOT = new URL('../..', import.meta.url).pathname;
const ENGINE_PATHS = [`${PACKAGE_ROOT}src/`, `${PACKAGE_ROOT}dist/`];
const FOREIGN = ['node:', 'millrace://', '(<anonymous>', '<anonymous>:', '(native)', '/node_modules/millrace/'];
const HAS_PLACE = /:\d+:\d+\)?$/;

/** The innermost one, for instance `parse (/jobs/job.ts:12:9)`; `undefined` if all frames are foreign. */
export function userFrameOf(error: unknown): string | undefined {
  return userFramesOf(error)[0];
}

/** All of them, from the innermost to the outermost. */
export function userFramesOf(error: unknown): string[] {
  const stack = error instanceof Error ? error.stack : undefined;
  const frames: string[] = [];
  if (stack === undefined) return frames;
  for (const line of stack.split('\n')) {
    const frame = /^\s+at (.+)$/.exec(line)?.[1];
    if (frame === undefined) continue;
    if (!HAS_PLACE.test(frame) || FOREIGN.some((part) => frame.includes(part))) continue;
    if (ENGINE_PATHS.some((path) => frame.includes(path)) && !frame.includes('.test.')) continue;
    frames.push(frame.replace(/^<anonymous> \((.+)\)$/, '$1').replace('file://', ''));
  }
  return frames;
}
