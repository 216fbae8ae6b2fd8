/**
 * Finds the programs in a Markdown file that promise to run, with what they promise to print.
 *
 * A block opened by "```ts runnable" is a whole program; the next block, opened by "```text", is its standard output, to the
 * letter. A runnable program without an output is a mistake in the document.
 */

export interface RunnableBlock {
  /** Line of the opening fence, from 1. */
  readonly line: number;
  readonly code: string;
  readonly output: string;
}

export function runnableBlocks(markdown: string): RunnableBlock[] {
  const fences = [...markdown.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)];
  return fences.flatMap((fence, i) => {
    if (fence[1] !== 'ts runnable') return [];
    const line = markdown.slice(0, fence.index).split('\n').length;
    const next = fences[i + 1];
    if (next?.[1] !== 'text')
      throw new Error(`the runnable program in line ${line} is not followed by a text block with its output`);
    return [{ line, code: fence[2] as string, output: next[2] as string }];
  });
}
