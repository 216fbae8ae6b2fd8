/**
 * Windows: finite pieces of a stream. A window is a value: two windows with the same text (see `WindowSerializer`) are the
 * same window.
 */
export interface Window {
  /** The largest timestamp that still belongs to the window; results carry it. `+Infinity` for windows without an end. */
  maxTimestamp(): number;
}

/** Windows as text, and back: the text names the window in state, in timers and in snapshots. It must never be empty. */
export interface WindowSerializer<W extends Window> {
  serialize(window: W): string;
  deserialize(text: string): W;
}

/** From `start` to before `end`, in milliseconds since the epoch. */
export class TimeWindow implements Window {
  readonly start: number;
  readonly end: number;
  private text: string | undefined;

  constructor(start: number, end: number) {
    this.start = start;
    this.end = end;
  }

  maxTimestamp(): number {
    return this.end - 1;
  }

  /** Whether the two overlap or touch. */
  intersects(other: TimeWindow): boolean {
    return this.start <= other.end && this.end >= other.start;
  }

  /** The smallest window that holds both. */
  cover(other: TimeWindow): TimeWindow {
    return new TimeWindow(Math.min(this.start, other.start), Math.max(this.end, other.end));
  }

  equals(other: TimeWindow): boolean {
    return this.start === other.start && this.end === other.end;
  }

  /** `start,end`: made once, because state and timers ask for it again and again. */
  toString(): string {
    return (this.text ??= `${this.start},${this.end}`);
  }

  /**
   * The start of the window that `timestamp` falls into, if windows of `sizeMs` are aligned to the epoch plus `offsetMs`.
   * Right for times before the epoch, too.
   */
  static getWindowStartWithOffset(timestamp: number, offsetMs: number, sizeMs: number): number {
    return Math.floor((timestamp - offsetMs) / sizeMs) * sizeMs + offsetMs;
  }
}

export const timeWindowSerializer: WindowSerializer<TimeWindow> = {
  serialize: (window) => window.toString(),
  deserialize(text) {
    const comma = text.indexOf(',');
    return new TimeWindow(Number(text.slice(0, comma)), Number(text.slice(comma + 1)));
  },
};

/** The one window that holds everything. */
export class GlobalWindow implements Window {
  private static readonly instance = new GlobalWindow();

  static get(): GlobalWindow {
    return GlobalWindow.instance;
  }

  maxTimestamp(): number {
    return Number.POSITIVE_INFINITY;
  }

  toString(): string {
    return 'GlobalWindow';
  }
}

export const globalWindowSerializer: WindowSerializer<GlobalWindow> = {
  serialize: () => 'global',
  deserialize: () => GlobalWindow.get(),
};
