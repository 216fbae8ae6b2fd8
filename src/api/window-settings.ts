/** What can be set on a stream of windows before its function is given, for keyed streams and whole streams alike. */
import { formatValue, MillraceError } from '../common/index.ts';
import type { OutputTag } from '../connector/index.ts';
import {
  type Evictor,
  type InternalWindowFunction,
  isMergingAssigner,
  type Trigger,
  type Window,
  type WindowAssigner,
  type WindowContents,
  type WindowOperation,
} from '../operators/index.ts';

export class WindowSettings<T, W extends Window> {
  evictor: Evictor<T, W> | undefined = undefined;
  lateDataOutputTag: OutputTag<T> | undefined = undefined;
  private readonly assigner: WindowAssigner<T, W>;
  private trigger: Trigger<T, W>;
  private allowedLatenessMs = 0;

  constructor(assigner: WindowAssigner<T, W>) {
    this.assigner = assigner;
    this.trigger = assigner.getDefaultTrigger();
  }

  setTrigger(trigger: Trigger<T, W>): void {
    if (isMergingAssigner(this.assigner) && !(trigger.canMerge?.() ?? false)) {
      throw new MillraceError(
        'INVALID_PROGRAM',
        `The trigger ${trigger} cannot be used with ${this.assigner}, whose windows merge. Choose a trigger that can merge, or give it canMerge and onMerge.`,
      );
    }
    this.trigger = trigger;
  }

  setAllowedLateness(latenessMs: number): void {
    if (!(Number.isSafeInteger(latenessMs) && latenessMs >= 0)) {
      throw new MillraceError(
        'INVALID_PROGRAM',
        `allowedLateness must be a whole number of milliseconds, 0 or more, but is ${formatValue(latenessMs)}.`,
      );
    }
    this.allowedLatenessMs = latenessMs;
  }

  build(
    contents: WindowContents,
    windowFunction: InternalWindowFunction | undefined,
  ): { name: string; description: string; operation: WindowOperation } {
    const { assigner, trigger, evictor } = this;
    const parts = [`${assigner}`, `${trigger}`, ...(evictor ? [`${evictor}`] : []), contents.kind];
    return {
      name: `${assigner}`.replace(/\(.*$/s, ''),
      description: `Window(${parts.join(', ')})`,
      operation: {
        assigner,
        trigger,
        evictor,
        allowedLatenessMs: this.allowedLatenessMs,
        lateDataOutputTag: this.lateDataOutputTag,
        contents,
        windowFunction,
      },
    };
  }
}
