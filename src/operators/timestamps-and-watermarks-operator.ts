/**
 * Assigns timestamps and makes watermarks, in the source or in the middle of a stream.
 *
 * In the source there is one generator per split. In the middle of a stream, watermarks from upstream are dropped, all
 * but the last one (+∞, the end of input), and idleness from upstream passes only while this stage is not idle itself.
 */
import { formatValue, MillraceError, type TimerHandle } from '../common/index.ts';
import type { ChainCode, EmitCode, OperatorContext, StreamOperator } from './operator.ts';
import { MAX_WATERMARK } from './operator.ts';
import { type SplitWatermark, WatermarkMultiplexer } from './watermark-multiplexer.ts';
import type { WatermarkOutput, WatermarkStrategy } from './watermark-strategy.ts';

/** Records came since the last check: reading the clock for each of them would cost more than all else here. */
const ACTIVE = Number.NEGATIVE_INFINITY;

/** The generator that records go to now; a field of its own so that generated code can read it. */
interface Current<T> {
  split: SplitWatermark<T>;
}

export class TimestampsAndWatermarksOperator<T> implements StreamOperator<T, T> {
  readonly oneToOne = true;
  protected readonly strategy: WatermarkStrategy<T>;
  protected multiplexer!: WatermarkMultiplexer<T>;
  protected context!: OperatorContext<T>;
  protected readonly current: Current<T> = { split: undefined as unknown as SplitWatermark<T> };
  private timer: TimerHandle | undefined;

  constructor(strategy: WatermarkStrategy<T>) {
    this.strategy = strategy;
  }

  open(context: OperatorContext<T>): void {
    this.start(context);
    this.useSplit('');
    if (context.isRestored) this.multiplexer.announce();
  }

  protected start(context: OperatorContext<T>): void {
    this.context = context;
    this.multiplexer = new WatermarkMultiplexer<T>(context.output, context.isRestored);
    if (!this.strategy.isNone) this.schedulePeriodicEmit();
  }

  /** Adds the split if it is new. */
  protected addSplit(splitId: string): SplitWatermark<T> {
    const known = this.multiplexer.get(splitId);
    if (known) return known;
    const split = this.multiplexer.add(splitId, this.strategy.options.createGenerator());
    split.lastActivityMs = this.context.clock.monotonicMs();
    return split;
  }

  protected useSplit(splitId: string): void {
    if (this.current.split?.splitId !== splitId) this.current.split = this.addSplit(splitId);
  }

  inline(code: ChainCode, value: string, timestamp: string, emit: EmitCode): string {
    if (this.strategy.isNone) return emit(value, timestamp);
    const assigner = this.strategy.options.timestampAssigner;
    let time = timestamp;
    let assign = '';
    if (assigner) {
      time = code.local('eventTime');
      const refuse = code.bind(refuseEventTime, 'refuseEventTime');
      assign = `const ${time} = ${code.bind(assigner, 'assignTimestamp')}(${value}, ${timestamp});
if (typeof ${time} !== 'number' || ${time} !== ${time}) ${refuse}(${time});
`;
    }
    const current = code.bind(this.current, 'current');
    const split = code.local('split');
    const activity = this.strategy.options.idlenessMs === undefined ? '' : `\n${code.bind(this, 'watermarks')}.active(${split});`;
    return `${assign}${emit(value, time)}
${code.atWork()}
const ${split} = ${current}.split;
${split}.generator.onEvent(${value}, ${time}, ${split});${activity}`;
  }

  /** Notes that `split` has a record. */
  active(split: SplitWatermark<T>): void {
    split.lastActivityMs = ACTIVE;
    if (split.idle) split.markActive();
  }

  processWatermark(timestamp: number): void {
    if (timestamp === MAX_WATERMARK) this.context.output.emitWatermark(MAX_WATERMARK);
  }

  processIdle(idle: boolean): void {
    if (idle) this.current.split.markIdle();
    else this.current.split.markActive();
  }

  finish(): void {
    this.emitPeriodic();
  }

  close(): void {
    this.timer?.cancel();
  }

  private schedulePeriodicEmit(): void {
    const intervalMs = this.context.autoWatermarkIntervalMs;
    if (intervalMs <= 0) return;
    this.timer = this.context.processingTime.schedule(intervalMs, () => {
      this.emitPeriodic();
      this.schedulePeriodicEmit();
    });
  }

  /** Asks every generator, and finds the splits that have been without records for too long. */
  emitPeriodic(): void {
    const { idlenessMs } = this.strategy.options;
    const nowMs = this.context.clock.monotonicMs();
    for (const split of this.multiplexer.all()) {
      split.generator.onPeriodicEmit(split as WatermarkOutput);
      if (idlenessMs === undefined) continue;
      if (split.lastActivityMs === ACTIVE) split.lastActivityMs = nowMs;
      else if (nowMs - split.lastActivityMs >= idlenessMs) split.markIdle();
    }
  }
}

/** `null` would count as 1970, and NaN as no time at all: both without a word. */
function refuseEventTime(eventTime: unknown): never {
  throw new MillraceError(
    'INVALID_PROGRAM',
    `The timestamp assigner returned ${formatValue(eventTime, { maxChars: 80 })}. It must return milliseconds since the epoch as a number: correct it, or filter out records without a time before.`,
  );
}
