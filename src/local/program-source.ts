/**
 * What a program is loaded from, so that the threads of its slots can load it too: the file that Node was started with, or a bundle
 * that the command made. Plain data.
 */
import { existsSync, realpathSync } from 'node:fs';
import { createRequire, registerHooks } from 'node:module';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { ownModule, slotWorkerModule } from './package-modules.ts';

export interface ProgramSource {
  /** Of the module with which the program begins. */
  readonly url: string;
  /** Its text, if there is no such file. */
  readonly code?: string;
  /** As the program sees it. */
  readonly argv: readonly string[];
  /** What `import.meta.main` is in its first module, where the platform has it. */
  readonly isMain?: boolean;
}

let bundle: Pick<ProgramSource, 'url' | 'code'> | undefined;

/** Makes `url` a module with this text, and `millrace` in it the modules that run already: `import(url)` loads it then. */
export function provideBundle(url: string, code: string): void {
  bundle = { url, code };
  hookBundle(bundle);
}

/**
 * What threads can load this program from.
 * @returns a text that completes the sentence 'It runs on one thread, because …' if they cannot
 */
export function findProgramSource(): ProgramSource | string {
  const [, file] = process.argv;
  if (!isMainThread) return 'it runs in a worker thread itself';
  if (!existsSync(slotWorkerModule())) return 'it was bundled together with the engine';
  if (bundle !== undefined) return { ...bundle, argv: [...process.argv] };
  if (file === undefined) return 'it was not started from a file';
  if (runsTests()) return 'it is run by a test runner';
  try {
    const path = realpathSync(createRequire(import.meta.url).resolve(file));
    return { url: pathToFileURL(path).href, argv: [...process.argv], isMain: true };
  } catch {
    return `the file that Node was started with, '${file}', cannot be found`;
  }
}

/** Loads the program into this thread: resolves when its top level has ended. */
export async function importProgram(source: ProgramSource): Promise<void> {
  process.argv = [...source.argv];
  if (source.code !== undefined) {
    process.setSourceMapsEnabled(true);
    hookBundle(source);
  } else if (source.isMain) hookMain(source.url);
  await import(source.url);
}

/** A test that starts a job would be run again by every thread, and by no runner that expects it. */
function runsTests(): boolean {
  const { NODE_TEST_CONTEXT, VITEST, JEST_WORKER_ID } = process.env;
  if (VITEST !== undefined || JEST_WORKER_ID !== undefined) return true;
  // The variable reaches the programs that a test starts, too: whether `node:test` is loaded says more, if it can be known.
  const { moduleLoadList } = process as { moduleLoadList?: readonly string[] };
  return moduleLoadList?.includes('NativeModule internal/test_runner/test') ?? NODE_TEST_CONTEXT !== undefined;
}

function hookBundle({ url, code }: Pick<ProgramSource, 'url' | 'code'>): void {
  registerHooks({
    resolve(specifier, context, next) {
      const own = specifier === url ? url : ownModule(specifier);
      return own === undefined ? next(specifier, context) : { url: own, shortCircuit: true };
    },
    load(wanted, context, next) {
      if (wanted !== url) return next(wanted, context);
      return { format: 'module', source: code as string, shortCircuit: true };
    },
  });
}

/**
 * A program that asks `import.meta.main` whether it is the program is told so here as well, though this thread began with another
 * module. Node has no hook for it; a statement in front of the first does it, and moves no line.
 */
function hookMain(url: string): void {
  if (!('main' in import.meta)) return;
  registerHooks({
    load(wanted, context, next) {
      const loaded = next(wanted, context);
      if (wanted !== url || !loaded.format?.startsWith('module') || loaded.source === undefined) return loaded;
      const text = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
      if (!text.includes('import.meta.main')) return loaded;
      const firstLine = text.startsWith('#!') ? text.indexOf('\n') + 1 : 0;
      return { ...loaded, source: `${text.slice(0, firstLine)}import.meta.main = true;${text.slice(firstLine)}` };
    },
  });
}

/** As a person would write it. */
export function programName({ url }: ProgramSource): string {
  return url.startsWith('file:') ? fileURLToPath(url) : url;
}
