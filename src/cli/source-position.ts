/**
 * Places in source files, shown as compilers show them: `file:line:column`, the line, and a mark below the place.
 */
import { readFileSync } from 'node:fs';
import { relative, sep } from 'node:path';
import process from 'node:process';

export interface SourcePosition {
  /** Absolute. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  readonly lineText: string;
  /** How many characters to mark. */
  readonly length: number;
}

/** Relative to where the user is, unless that is longer. */
export function shownPath(file: string): string {
  const path = relative(process.cwd(), file);
  return path === '' || path.startsWith(`..${sep}..`) || path.length > file.length ? file : path;
}

/** `message` with its place in front and the source line below. */
export function atPosition(message: string, position: SourcePosition): string {
  const { file, line, column, lineText, length } = position;
  const margin = String(line).length;
  const shown = lineText.replaceAll('\t', ' ');
  const mark = ' '.repeat(column - 1) + '^'.repeat(Math.max(1, Math.min(length, shown.length - column + 1)));
  return `${shownPath(file)}:${line}:${column}: ${message}\n  ${line} | ${shown}\n  ${' '.repeat(margin)} | ${mark}`;
}

/** Where `pattern` first occurs in one of the files; its first group is what is marked. */
export function findInFiles(files: readonly string[], pattern: RegExp): SourcePosition | undefined {
  const withIndices = new RegExp(pattern.source, `${pattern.flags.replaceAll(/[dg]/g, '')}d`);
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    const [start, end] = withIndices.exec(text)?.indices?.[1] ?? [];
    if (start === undefined || end === undefined) continue;
    const lineStart = text.lastIndexOf('\n', start - 1) + 1;
    const line = text.slice(0, start).split('\n').length;
    const [lineText = ''] = text.slice(lineStart).split(/\r?\n/, 1);
    return { file, line, column: start - lineStart + 1, lineText, length: end - start };
  }
  return undefined;
}

export function escapeRegExp(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
