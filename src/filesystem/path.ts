/** Path strings with `/` between names, on every platform. */

/** Joins with exactly one `/` between the parts; empty parts vanish. */
export function joinPath(...parts: readonly string[]): string {
  let path = '';
  for (const part of parts) {
    if (part === '') continue;
    path = path === '' ? part : `${path.endsWith('/') ? path : `${path}/`}${part.startsWith('/') ? part.slice(1) : part}`;
  }
  return path;
}

/** The folder that holds `path`: `.` for a bare name. */
export function parentPath(path: string): string {
  const end = path.replace(/\/+$/, '');
  const slash = end.lastIndexOf('/');
  return slash < 0 ? '.' : slash === 0 ? '/' : end.slice(0, slash);
}

/** The last name in `path`. */
export function baseName(path: string): string {
  const end = path.replace(/\/+$/, '');
  return end.slice(end.lastIndexOf('/') + 1);
}
