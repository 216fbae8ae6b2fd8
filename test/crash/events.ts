/** The events of the crash tests: reproducible, the same index gives the same event. None is more than `DISORDER_MS` late. */
export interface Event {
  readonly id: number;
  readonly user: string;
  readonly kind: string;
  readonly amount: number;
  readonly at: number;
}

export const DISORDER_MS = 400;
export const KINDS: readonly string[] = ['view', 'click', 'buy', 'return'];

export function eventAt(index: number): Event {
  const mixed = Math.imul(index + 1, 0x9e3779b1) >>> 0;
  const user = `user-${mixed % 97}`;
  const kind = KINDS[(mixed >>> 8) % KINDS.length] as string;
  return { id: index, user, kind, amount: (mixed >>> 12) % 1000, at: index * 5 - ((mixed >>> 5) % DISORDER_MS) };
}
