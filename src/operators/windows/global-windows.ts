/** The global window: all records of a key are in one window, which is up to its trigger alone. */
import type { Trigger, TriggerContext, TriggerResult } from './trigger.ts';
import { GlobalWindow, globalWindowSerializer, type Window, type WindowSerializer } from './window.ts';
import type { WindowAssigner } from './window-assigner.ts';

/** Never fires. */
export class NeverTrigger implements Trigger<unknown, Window> {
  onElement(): TriggerResult {
    return 'CONTINUE';
  }

  onEventTime(): TriggerResult {
    return 'CONTINUE';
  }

  onProcessingTime(): TriggerResult {
    return 'CONTINUE';
  }

  clear(): void {}

  toString(): string {
    return 'NeverTrigger';
  }
}

/** Fires once, when the input has ended. */
export class EndOfStreamTrigger implements Trigger<unknown, Window> {
  onElement(_element: unknown, _timestamp: number, window: Window, context: TriggerContext): TriggerResult {
    context.registerEventTimeTimer(window.maxTimestamp());
    return 'CONTINUE';
  }

  onEventTime(timeMs: number, window: Window): TriggerResult {
    return timeMs === window.maxTimestamp() ? 'FIRE_AND_PURGE' : 'CONTINUE';
  }

  onProcessingTime(): TriggerResult {
    return 'CONTINUE';
  }

  clear(window: Window, context: TriggerContext): void {
    context.deleteEventTimeTimer(window.maxTimestamp());
  }

  toString(): string {
    return 'EndOfStreamTrigger';
  }
}

export class GlobalWindows implements WindowAssigner<unknown, GlobalWindow> {
  private readonly defaultTrigger: Trigger<unknown, Window>;
  private static readonly windows: readonly GlobalWindow[] = [GlobalWindow.get()];

  private constructor(defaultTrigger: Trigger<unknown, Window>) {
    this.defaultTrigger = defaultTrigger;
  }

  /** Never fires by itself: set a trigger. */
  static create(): GlobalWindows {
    return new GlobalWindows(new NeverTrigger());
  }

  /** Fires when the input has ended: for bounded input. */
  static createWithEndOfStreamTrigger(): GlobalWindows {
    return new GlobalWindows(new EndOfStreamTrigger());
  }

  assignWindows(): readonly GlobalWindow[] {
    return GlobalWindows.windows;
  }

  getDefaultTrigger(): Trigger<unknown, Window> {
    return this.defaultTrigger;
  }

  getWindowSerializer(): WindowSerializer<GlobalWindow> {
    return globalWindowSerializer;
  }

  isEventTime(): boolean {
    return false;
  }

  toString(): string {
    return 'GlobalWindows()';
  }
}
