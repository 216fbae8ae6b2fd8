/**
 * Makes one module of a program: the file and all files that it imports. Packages stay outside.
 *
 * Everything that can be known without running is reported here, with its place: syntax, files that do not exist, names that a
 * file does not export. The source map is part of the code, so that stacks name the lines that the user wrote. What a file
 * reads of `import.meta` stays that of the file, not of the bundle.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { build, type Loader, type Message, type Plugin, stop } from 'esbuild';
import { ProgramError } from './program-error.ts';
import { atPosition, shownPath } from './source-position.ts';

export interface BundledProgram {
  /** The program's file, absolute. */
  readonly entry: string;
  readonly code: string;
  /** All files that are in it, absolute; the entry first. */
  readonly files: readonly string[];
}

/** @throws ProgramError */
export async function bundleProgram(program: string): Promise<BundledProgram> {
  const entry = resolve(program);
  await checkFile(entry);
  const directory = dirname(entry);
  try {
    const { outputFiles, metafile } = await build({
      entryPoints: [entry],
      absWorkingDir: directory,
      outfile: bundlePath(entry),
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'node',
      target: `node${process.versions.node}`,
      packages: 'external',
      sourcemap: 'inline',
      logLevel: 'silent',
      define: Object.fromEntries(Object.entries(META_NAMES).map(([property, name]) => [`import.meta.${property}`, name])),
      plugins: [importMetaOf(entry)],
    });
    const files = Object.keys(metafile.inputs).map((file) => resolve(directory, file));
    return { entry, code: outputFiles[0]?.text ?? '', files: [entry, ...files.filter((file) => file !== entry)] };
  } catch (error) {
    const { errors } = error as { errors?: Message[] };
    if (errors === undefined || errors.length === 0) throw error;
    throw new ProgramError(errors.map((message) => describeMessage(message, directory)).join('\n'));
  } finally {
    await stop();
  }
}

/** The name under which the bundle is loaded: beside the program, so that packages are found from there. No such file exists. */
export function bundlePath(entry: string): string {
  return `${entry.slice(0, -extname(entry).length)}.millrace.mjs`;
}

async function checkFile(file: string): Promise<void> {
  const status = await stat(file).catch(() => undefined);
  if (status === undefined) throw new ProgramError(`There is no file '${shownPath(file)}'.`);
  if (!status.isFile()) throw new ProgramError(`'${shownPath(file)}' is no file. Give the file of the program.`);
  if (!(extname(file) in LOADERS)) {
    const known = Object.keys(LOADERS).join(', ');
    throw new ProgramError(`'${shownPath(file)}' is not TypeScript or JavaScript (${known}).`);
  }
}

const LOADERS: Readonly<Record<string, Loader>> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
  '.jsx': 'jsx',
};

const META_NAMES = {
  url: '__millrace_meta_url',
  dirname: '__millrace_meta_dirname',
  filename: '__millrace_meta_filename',
  main: '__millrace_meta_main',
} as const;

/** Puts what `import.meta` is in each file that uses it in front of its first line. */
function importMetaOf(entry: string): Plugin {
  return {
    name: 'import-meta',
    setup({ onLoad }) {
      onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: 'file' }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        if (!text.includes('import.meta')) return undefined;
        const values: Record<keyof typeof META_NAMES, unknown> = {
          url: pathToFileURL(path).href,
          dirname: dirname(path),
          filename: path,
          main: path === entry,
        };
        const constants = Object.entries(META_NAMES).map(
          ([property, name]) => `${name} = ${JSON.stringify(values[property as keyof typeof META_NAMES])}`,
        );
        const firstLine = text.startsWith('#!') ? text.indexOf('\n') + 1 : 0;
        const contents = `${text.slice(0, firstLine)}const ${constants.join(', ')};${text.slice(firstLine)}`;
        return { contents, loader: LOADERS[extname(path)] ?? 'ts', resolveDir: dirname(path) };
      });
    },
  };
}

function describeMessage({ text, location, notes }: Message, directory: string): string {
  const hints = notes.filter((note) => note.text.startsWith('Did you mean')).map((note) => ` ${note.text}`);
  const message = `${text.endsWith('.') ? text : `${text}.`}${hints.join('')}`;
  if (location === null) return message;
  return atPosition(message, {
    file: join(directory, location.file),
    line: location.line,
    column: location.column + 1,
    lineText: location.lineText,
    length: location.length,
  });
}
