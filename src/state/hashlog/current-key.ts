/** The key that all states of a backend look at, and the tag that finds it in their indexes: hashed once, when first needed. */
import { MillraceError } from '../../common/index.ts';
import { type CanonicalKey, decodeKey } from '../key-encoding.ts';
import { hashKey } from '../key-groups.ts';

export class CurrentKey {
  canonical: CanonicalKey | undefined = undefined;
  private readonly maxParallelism: number;
  private tagged: CanonicalKey | undefined = undefined;
  private tagOfTagged = 0;
  private decoded: { readonly canonical: CanonicalKey; readonly key: unknown } | undefined = undefined;

  constructor(maxParallelism: number) {
    this.maxParallelism = maxParallelism;
  }

  /** @throws MillraceError `ILLEGAL_STATE` */
  require(): CanonicalKey {
    if (this.canonical === undefined) {
      throw new MillraceError(
        'ILLEGAL_STATE',
        'There is no current key: keyed state was used outside of the processing of a record or timer (in open or finish, for instance). Use it while a record or timer is processed.',
      );
    }
    return this.canonical;
  }

  /** The key itself; composites are decoded once. */
  get key(): unknown {
    const canonical = this.require();
    if (this.decoded?.canonical !== canonical) this.decoded = { canonical, key: decodeKey(canonical) };
    return this.decoded.key;
  }

  get tag(): number {
    const canonical = this.require();
    if (canonical !== this.tagged) {
      this.tagOfTagged = hashKey(canonical) | 0;
      this.tagged = canonical;
    }
    return this.tagOfTagged;
  }

  /** A tag for something that belongs to the current key, of the same key group. */
  subTag(hash: number): number {
    const { tag, maxParallelism } = this;
    return subTagOf(tag, hash, maxParallelism);
  }

  /** Runs `body`, which may change the current key, and sets it back. */
  preserving<T>(body: () => T): T {
    const { canonical } = this;
    try {
      return body();
    } finally {
      this.canonical = canonical;
    }
  }
}

export function subTagOf(tag: number, hash: number, maxParallelism: number): number {
  let mixed = Math.imul(tag ^ (tag >>> 15), 0x9e3779b1) ^ hash;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b) >>> 0;
  const same = mixed - (mixed % maxParallelism) + ((tag >>> 0) % maxParallelism);
  return (same > 0xffff_ffff ? same - maxParallelism : same) | 0;
}

export function keyGroupOfTag(tag: number, maxParallelism: number): number {
  return (tag >>> 0) % maxParallelism;
}
