/**
 * Loads a bundled program into this process and lets it run.
 *
 * Its `millrace` is the module that the command itself uses, whatever is installed beside the program: the host that the command
 * has set up is the one that the program finds.
 */
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { nearest } from '../common/index.ts';
import { ownModule, provideBundle } from '../local/index.ts';
import { type BundledProgram, bundlePath } from './bundle-program.ts';
import { ProgramError } from './program-error.ts';
import { atPosition, escapeRegExp, findInFiles, shownPath } from './source-position.ts';

/**
 * Resolves when the top level of the program has ended.
 * @param args what the program sees behind its own name in `process.argv`
 * @throws ProgramError for what is wrong before anything runs, otherwise whatever the program throws
 */
export async function loadProgram(program: BundledProgram, args: readonly string[]): Promise<void> {
  const url = pathToFileURL(bundlePath(program.entry)).href;
  process.argv = [process.argv[0] as string, program.entry, ...args];
  process.setSourceMapsEnabled(true);
  provideBundle(url, program.code);
  const onStandstill = (): void => {
    throw new ProgramError(`'${shownPath(program.entry)}' awaits something that nothing is left to bring about.`);
  };
  process.once('beforeExit', onStandstill);
  try {
    await import(url);
  } catch (error) {
    throw (await describeLinkError(error, program)) ?? error;
  } finally {
    process.off('beforeExit', onStandstill);
  }
}

/** Loads the door of the package. It installs a host when that happens; once it is there, it replaces no other any more. */
export async function loadDoor(): Promise<void> {
  await import(ownModule('millrace') as string);
}

const NO_EXPORT = /^The requested module '([^']+)' does not provide an export named '([^']+)'/;
const NO_PACKAGE = /^Cannot find package '([^']+)' imported from/;

/** Errors of the linker name lines of the bundle; this finds the lines that the user wrote. */
async function describeLinkError(error: unknown, { files }: BundledProgram): Promise<ProgramError | undefined> {
  if (!(error instanceof Error)) return undefined;
  const [, from, name] = NO_EXPORT.exec(error.message) ?? [];
  if (error instanceof SyntaxError && from !== undefined && name !== undefined) {
    const position = findInFiles(
      files,
      new RegExp(`import[^;'"]*[{,\\s](${escapeRegExp(name)})\\b[^;'"]*from\\s*['"]${escapeRegExp(from)}['"]`),
    );
    if (position === undefined) return undefined;
    const own = ownModule(from);
    const near = own === undefined ? undefined : nearest(name, Object.keys(await import(own)));
    return new ProgramError(atPosition(`'${from}' has no export '${name}'.${near ? ` Did you mean '${near}'?` : ''}`, position));
  }
  const [, missing] = NO_PACKAGE.exec(error.message) ?? [];
  if ((error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND' && missing !== undefined) {
    const position = findInFiles(files, new RegExp(`(['"]${escapeRegExp(missing)}(?:/[^'"]*)?['"])`));
    if (position === undefined) return undefined;
    return new ProgramError(atPosition(`Cannot find package '${missing}'. Install it: npm install ${missing}`, position));
  }
  return undefined;
}
