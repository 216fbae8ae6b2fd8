import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

/** Sections of a version, in the order of what they mean to a user. */
const SECTIONS = ['Breaking', 'Security', 'Fixed', 'Changed', 'Added', 'Deprecated'];

/** What is wrong with a changelog, by line. */
function complaints(text: string): string[] {
  const found: string[] = [];
  let version = '';
  let previousDate = '9999-12-31';
  let section = -1;
  let entries = 1;
  text.split('\n').forEach((line, i) => {
    const complain = (message: string): void => void found.push(`${i + 1}: ${message}`);
    const heading = /^(#+) (.*)$/.exec(line);
    if (heading && entries === 0) complain('the section before it is empty');
    if (heading?.[1] === '##') {
      const match = /^\[(?:(Unreleased)|(\d+\.\d+\.\d+))\](?: - (\d{4}-\d{2}-\d{2}))?$/.exec(heading[2] as string);
      if (!match) complain('a version is "## [1.2.3] - 2026-01-31" or "## [Unreleased]"');
      if (match?.[1] !== undefined && version !== '') complain('[Unreleased] comes first');
      if (match?.[2] !== undefined && match[3] === undefined) complain('a version has its date');
      if (match?.[3] !== undefined && match[3] > previousDate) complain('the newest version comes first');
      previousDate = match?.[3] ?? previousDate;
      version = heading[2] as string;
      section = -1;
      entries = 1;
    } else if (heading?.[1] === '###') {
      const rank = SECTIONS.indexOf(heading[2] as string);
      if (rank < 0) complain(`a section is one of ${SECTIONS.join(', ')}`);
      else if (rank <= section) complain(`sections stand in the order ${SECTIONS.join(', ')}`);
      section = rank;
      entries = 0;
    } else if (line.startsWith('- ')) {
      if (section < 0) complain('an entry stands in a section');
      entries++;
    } else if (version !== '' && line !== '' && !/^ {2}\S/.test(line)) complain('text in a version is a list');
  });
  if (version === '') found.push('1: there is no version');
  if (entries === 0) found.push('the last section is empty');
  return found;
}

test('CHANGELOG.md keeps its format', () => {
  assert.deepEqual(complaints(readFileSync(new URL('../../CHANGELOG.md', import.meta.url), 'utf8')), []);
});

test('a changelog that breaks the format is told so, by line', () => {
  const good =
    '# C\n\nText.\n\n## [Unreleased]\n\n### Fixed\n\n- a\n  more\n\n### Added\n\n- b\n\n## [1.0.0] - 2026-01-02\n\n### Added\n\n- c\n';
  assert.deepEqual(complaints(good), []);
  const broken: readonly (readonly [string, string, RegExp])[] = [
    ['[1.0.0] - 2026-01-02', '1.0.0', /^16: a version is/],
    [' - 2026-01-02', '', /^16: a version has its date/],
    ['## [Unreleased]', '## [1.1.0] - 2026-01-01', /^16: the newest version/],
    ['### Fixed', '### Improved', /^7: a section is one of/],
    ['### Fixed', '### Deprecated', /^12: sections stand in the order/],
    ['### Fixed\n\n', '', /an entry stands in a section/],
    ['- b\n', '', /the section before it is empty/],
    ['- c\n', '', /the last section is empty/],
    ['- b', 'b', /^14: text in a version is a list/],
    ['## [1.0.0] - 2026-01-02', '## [Unreleased]', /^16: \[Unreleased\] comes first/],
  ];
  for (const [from, to, says] of broken) assert.match(complaints(good.replace(from, to)).join('\n'), says);
});
