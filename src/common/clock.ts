/**
 * Time, scheduling and chance as injected services.
 *
 * All of the engine takes its time from a `Clock`, gives way to others through its `Scheduler`, and draws chance from a
 * `Random`; nothing else may touch `Date.now`, `performance`, timers or `Math.random` (a test enforces it). That is what
 * makes runs on virtual time possible. This file is the only place where the platform's own are used.
 */

/** A pending timer; cancelling one that has fired does nothing. */
export interface TimerHandle {
  cancel(): void;
}

export interface Clock {
  /** Wall-clock time in milliseconds since the epoch. May jump. */
  currentTimeMs(): number;
  /** Monotonic time in milliseconds from an arbitrary origin, with fractions. */
  monotonicMs(): number;
  /** Calls back once after `delayMs` (at least 0). The timer keeps the process alive unless `unref` is set. */
  setTimer(delayMs: number, callback: () => void, options?: { readonly unref?: boolean }): TimerHandle;
}

export interface Scheduler {
  /** Runs `callback` after pending input, output and timers of the event loop had their turn. */
  yieldThen(callback: () => void): void;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
}

/** What the engine needs of the platform that hosts it. */
export interface Platform {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
}

const MAX_DELAY_MS = 2_147_483_647;

export const systemClock: Clock = {
  currentTimeMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, callback, options) {
    let handle: ReturnType<typeof setTimeout>;
    const arm = (remainingMs: number): void => {
      const step = Math.min(remainingMs, MAX_DELAY_MS);
      handle = setTimeout(() => (remainingMs > step ? arm(remainingMs - step) : callback()), step);
      if (options?.unref) handle.unref?.();
    };
    arm(Math.max(0, delayMs));
    return { cancel: () => clearTimeout(handle) };
  },
};

export const systemScheduler: Scheduler = {
  yieldThen(callback) {
    setImmediate(callback);
  },
};

export const systemRandom: Random = { next: () => Math.random() };

export const systemPlatform: Platform = {
  clock: systemClock,
  scheduler: systemScheduler,
  random: systemRandom,
};

/** A reproducible generator (mulberry32) for tests, examples and simulation. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
    },
  };
}
