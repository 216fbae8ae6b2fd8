/**
 * Turns what users write (a file, a folder, a glob) into files.
 *
 * A folder stands for all files in it and below. Names that begin with `.` or `_` are hidden: they belong to whoever is still
 * writing them, and are skipped unless the path names them. Folders behind symbolic links are not entered, so that a link
 * upwards cannot make files appear twice. A path that exists is taken as it is, even if it looks like a glob. Order: by path,
 * in code unit order, so that every run sees the files in the same order.
 */
import type { FileStatus, FileSystem } from './file-system.ts';
import { joinPath } from './path.ts';

/** Hidden files and folders are in the making, or housekeeping. */
export function isHidden(name: string): boolean {
  return name.startsWith('.') || name.startsWith('_');
}

/**
 * Finds the files that `path` stands for. Globs are those of picomatch: `*`, `**`, `?`, `[a-z]`, `{a,b}`.
 * @returns `undefined` if `path` is neither there nor a glob; an empty array if nothing matches.
 */
export async function expandPath(fileSystem: FileSystem, path: string): Promise<FileStatus[] | undefined> {
  const status = await fileSystem.status(path);
  const files: FileStatus[] = [];
  if (status !== undefined) {
    if (!status.isDirectory) return [status];
    await walk(fileSystem, path, files);
  } else {
    const { default: picomatch } = await import('picomatch');
    const { base, glob, isGlob } = picomatch.scan(path);
    if (!isGlob) return undefined;
    await match(fileSystem, base, glob, picomatch(glob, { dot: true }), files);
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

async function walk(fileSystem: FileSystem, folder: string, files: FileStatus[]): Promise<void> {
  for (const entry of await fileSystem.list(folder)) {
    if (isHidden(entry.name)) continue;
    if (!entry.isDirectory) files.push(entry);
    else if (!entry.isSymbolicLink) await walk(fileSystem, entry.path, files);
  }
}

async function match(
  fileSystem: FileSystem,
  base: string,
  glob: string,
  matches: (path: string) => boolean,
  files: FileStatus[],
): Promise<void> {
  const namesHidden = glob.split('/').some(isHidden);
  const maxDepth = glob.includes('**') ? Number.POSITIVE_INFINITY : glob.split('/').length;
  const visit = async (folder: string, below: string, depth: number): Promise<void> => {
    for (const entry of await fileSystem.list(folder === '' ? '.' : folder)) {
      if (isHidden(entry.name) && !namesHidden) continue;
      const relative = joinPath(below, entry.name);
      const path = joinPath(folder, entry.name);
      const matched = matches(relative);
      if (!entry.isDirectory) {
        if (matched) files.push({ ...entry, path });
      } else if (!entry.isSymbolicLink) {
        if (matched) await walk(fileSystem, path, files);
        else if (depth < maxDepth) await visit(path, relative, depth + 1);
      }
    }
  };
  const status = await fileSystem.status(base === '' ? '.' : base);
  if (status?.isDirectory) await visit(base, '', 1);
}
