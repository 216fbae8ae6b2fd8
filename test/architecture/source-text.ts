/**
 * What the architecture rules need to know of a TypeScript file, without a parser.
 *
 * `maskSource` blanks the inside of comments, strings, templates and regular expressions and keeps every position, so that a
 * rule can search for code with a regular expression and never trips over text. `importsOf` reads the module specifiers.
 * TypeScript 7 has no stable syntax API and type-only imports count as well, so stripping types first would lose them.
 */

/** One `import` or `export … from`, static or dynamic, types included. */
export interface ImportReference {
  readonly specifier: string;
  readonly line: number;
}

const REGEX_CAN_FOLLOW =
  /(?:^|[([{},;:=!&|?+\-*%<>~^]|\b(?:return|typeof|case|in|of|delete|void|throw|new|else|do|await|yield))\s*$/;

/** The text with everything that is not code blanked; lines, columns and quotes stay where they were. */
export function maskSource(text: string): string {
  const out = text.split('');
  const blank = (from: number, to: number): void => {
    for (let i = from; i < to && i < out.length; i++) if (out[i] !== '\n') out[i] = ' ';
  };
  const skipString = (start: number): number => {
    const quote = text[start];
    let i = start + 1;
    while (i < text.length && text[i] !== quote && text[i] !== '\n') i += text[i] === '\\' ? 2 : 1;
    blank(start + 1, i);
    return i + 1;
  };
  const skipRegex = (start: number): number => {
    let inClass = false;
    let i = start + 1;
    for (; i < text.length && text[i] !== '\n'; i++) {
      if (text[i] === '\\') i++;
      else if (text[i] === '[') inClass = true;
      else if (text[i] === ']') inClass = false;
      else if (text[i] === '/' && !inClass) break;
    }
    blank(start + 1, i);
    return i + 1;
  };
  const skipTemplate = (start: number): number => {
    let i = start + 1;
    let from = i;
    while (i < text.length && text[i] !== '`') {
      if (text[i] === '\\') i += 2;
      else if (text[i] === '$' && text[i + 1] === '{') {
        blank(from, i);
        i = skipCode(i + 2, true);
        from = i;
      } else i++;
    }
    blank(from, i);
    return i + 1;
  };
  const skipCode = (start: number, insideTemplate: boolean): number => {
    let depth = 0;
    let i = start;
    while (i < text.length) {
      const c = text[i];
      if (c === '/' && text[i + 1] === '/') {
        const end = text.indexOf('\n', i);
        blank(i, end < 0 ? text.length : end);
        i = end < 0 ? text.length : end;
      } else if (c === '/' && text[i + 1] === '*') {
        const end = text.indexOf('*/', i + 2);
        blank(i, end < 0 ? text.length : end + 2);
        i = end < 0 ? text.length : end + 2;
      } else if (c === "'" || c === '"') i = skipString(i);
      else if (c === '`') i = skipTemplate(i);
      else if (c === '/' && REGEX_CAN_FOLLOW.test(out.slice(Math.max(0, i - 40), i).join(''))) i = skipRegex(i);
      else if (c === '{') {
        depth++;
        i++;
      } else if (c === '}') {
        if (insideTemplate && depth === 0) return i + 1;
        depth--;
        i++;
      } else i++;
    }
    return i;
  };
  skipCode(0, false);
  return out.join('');
}

export function lineAt(text: string, index: number): number {
  let line = 1;
  for (let i = 0; i < index; i++) if (text.charCodeAt(i) === 10) line++;
  return line;
}

const IMPORT =
  /\b(?:import|export)\s+(?:type\s+)?(?:[\w$]+\s*,?\s*)?(?:\*(?:\s*as\s+[\w$]+)?|\{[^}]*\})?\s*from\s*['"]|\bimport\s*['"]|\b(?:import|require)\s*\(\s*['"]/g;

export function importsOf(text: string, masked: string = maskSource(text)): ImportReference[] {
  const found: ImportReference[] = [];
  for (const match of masked.matchAll(IMPORT)) {
    const start = match.index + match[0].length;
    const quote = text[start - 1] as string;
    found.push({ specifier: text.slice(start, text.indexOf(quote, start)), line: lineAt(text, match.index) });
  }
  return found;
}
