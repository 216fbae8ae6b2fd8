/**
 * Reads the folder table of ARCHITECTURE.md, the single source of truth for what each folder may import.
 *
 * Columns: folder, what it is for, imports, Node. A folder `a/<name>` stands for each folder inside `a` that
 * has no row of its own. "anything" in the
 * imports lifts the limit; every folder may import `common`. "no" in the last column forbids `node:` modules and npm packages; "behind `node.ts`" allows them where `index.ts` does not reach.
 * A row that is not built yet says so with "(later)", and must lose the word when the folder appears.
 */

export interface FolderRow {
  readonly folder: string;
  /** Folders of this package that it may import, or `undefined` for any. */
  readonly imports: ReadonlySet<string> | undefined;
  readonly node: 'no' | 'behind node.ts' | 'yes';
  readonly later: boolean;
}

export function parseFolderTable(markdown: string): FolderRow[] {
  const lines = markdown.split('\n');
  const header = lines.findIndex((line) => /^\|\s*folder\s*\|/i.test(line));
  if (header < 0) throw new Error('ARCHITECTURE.md has no table with the columns: folder | what it is for | imports | Node');
  const rows: FolderRow[] = [];
  for (const line of lines.slice(header + 2)) {
    if (!line.startsWith('|')) break;
    const cells = line.split('|').map((cell) => cell.trim());
    const [, folder = '', purpose = '', imports = '', node = ''] = cells;
    if (cells.length !== 6 || !/^`[a-z/<>]+`$/.test(folder) || !/^(yes|no|behind `node\.ts`)$/.test(node)) {
      throw new Error(`ARCHITECTURE.md: cannot read the table row "${line}"`);
    }
    const names = [...imports.matchAll(/`([a-z/<>]+)`/g)].map((match) => match[1] as string);
    if (names.length === 0 && !/^(anything|–)$/.test(imports)) {
      throw new Error(`ARCHITECTURE.md: the imports of ${folder} must be folders in backquotes, "anything" or "–"`);
    }
    rows.push({
      folder: folder.slice(1, -1),
      imports: imports === 'anything' ? undefined : new Set(names),
      node: node.replaceAll('`', '') as FolderRow['node'],
      later: purpose.includes('(later)'),
    });
  }
  return rows;
}

/**
 * The folder that a file below `src/` belongs to and its row; `undefined` for a file in `src/` itself.
 * @param path from the root of the repository, as `src/task/mailbox.ts`
 */
export function folderOf(path: string, rows: readonly FolderRow[]): { folder: string; row: FolderRow | undefined } | undefined {
  const parts = path.split('/').slice(1, -1);
  if (parts.length === 0) return undefined;
  const [first = '', second] = parts;
  const ofName = (name: string): FolderRow | undefined => rows.find((row) => row.folder === name);
  const nested = second === undefined ? undefined : (ofName(`${first}/${second}`) ?? ofName(`${first}/<name>`));
  if (nested) return { folder: `${first}/${second}`, row: nested };
  return { folder: first, row: ofName(first) };
}

/** Whether `row` lets its folder import `folder` (that has the row `target`). */
export function mayImport(row: FolderRow, folder: string, target: FolderRow | undefined): boolean {
  return (
    row.imports === undefined ||
    folder === 'common' ||
    row.imports.has(folder) ||
    (target !== undefined && row.imports.has(target.folder))
  );
}

/** A cycle among edges, as the folders along it, or `undefined`. */
export function findCycle(edges: ReadonlyMap<string, Iterable<string>>): string[] | undefined {
  const done = new Set<string>();
  const walk = (folder: string, path: string[]): string[] | undefined => {
    const start = path.indexOf(folder);
    if (start >= 0) return [...path.slice(start), folder];
    if (done.has(folder)) return undefined;
    for (const next of edges.get(folder) ?? []) {
      const cycle = walk(next, [...path, folder]);
      if (cycle) return cycle;
    }
    done.add(folder);
    return undefined;
  };
  for (const folder of edges.keys()) {
    const cycle = walk(folder, []);
    if (cycle) return cycle;
  }
  return undefined;
}
