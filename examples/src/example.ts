/** What `npm run example` knows about an example. */
export interface Example {
  readonly name: string;
  /** The arguments, as in `FILE`, in brackets those that may be left out; empty if there are none. */
  readonly usage: string;
  readonly description: string;
  /** @returns whether the result is as it should be; `false` becomes exit code 1 */
  run(args: readonly string[]): Promise<boolean>;
}
