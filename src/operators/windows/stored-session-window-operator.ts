/**
 * Event-time sessions with the default trigger and no evictor, in keyed state: for state backends that hold more than fits on
 * the heap.
 *
 * Nothing on the heap grows with the number of keys. The schedule is state, too: spans of time, and in each the keys that
 * are to be looked at in it. A key stands in one span, at or before the next time of each of its sessions; a session that
 * has grown by the time that its key's turn comes is put into a later span then, so that most records leave it alone.
 *
 * Invariants: those of `SessionWindowOperator`.
 */
import type { Counter } from '../../metrics/index.ts';
import type { KeyedStateBackend } from '../../state/index.ts';
import { MIN_WATERMARK, type OperatorContext, type StreamOperator } from '../operator.ts';
import {
  freeName,
  SESSIONS,
  type SessionState,
  type SessionsOfKey,
  type StoredSession,
  sessionState,
  sessionsTouching,
} from './session-state.ts';
import type { EventTimeSessionWindows } from './session-windows.ts';
import { type WindowAggregate, windowAggregate } from './window-aggregate.ts';
import { refuseTimestamp } from './window-assigner.ts';
import { WindowEmitter } from './window-emitter.ts';
import type { WindowOperation } from './window-operation.ts';

/** A gap is so many spans long: a span is looked at with every watermark in it, and each costs a table. */
const SPANS_PER_GAP = 1024;
const SPAN_OF_DYNAMIC_GAPS_MS = 1000;

export class StoredSessionWindowOperator implements StreamOperator {
  readonly userFunction: unknown;
  private readonly operation: WindowOperation;
  private readonly assigner: EventTimeSessionWindows<any>;
  private readonly aggregate: WindowAggregate;
  private readonly spanMs: number;
  /** By span: the earliest time for which a key stands in it. */
  private readonly spans = new Map<number, number>();
  /** The earliest of these. */
  private nextTimeMs = Number.POSITIVE_INFINITY;
  private watermark = MIN_WATERMARK;
  private context!: OperatorContext;
  private backend!: KeyedStateBackend;
  private state!: SessionState;
  private emitter!: WindowEmitter;
  private numLateRecordsDropped!: Counter;

  constructor(operation: WindowOperation, assigner: EventTimeSessionWindows<any>) {
    this.operation = operation;
    this.userFunction = operation.windowFunction;
    this.assigner = assigner;
    this.aggregate = windowAggregate(operation.contents);
    const { gapMs } = assigner;
    this.spanMs = gapMs === undefined ? SPAN_OF_DYNAMIC_GAPS_MS : Math.max(1, Math.floor(gapMs / SPANS_PER_GAP));
  }

  open(context: OperatorContext): void | Promise<void> {
    this.context = context;
    this.backend = context.keyedState;
    this.numLateRecordsDropped = context.metrics.counter('numLateRecordsDropped');
    this.emitter = new WindowEmitter(this.operation, this.aggregate, context, true);
    this.state = sessionState(this.operation, this.aggregate, this.backend);
    this.watermark = context.currentWatermark();
    this.restoreSchedule();
    return this.operation.windowFunction?.open?.(context.runtimeContext);
  }

  processElement(value: unknown, timestamp: number): void {
    if (!Number.isFinite(timestamp)) refuseTimestamp(timestamp);
    const { state } = this;
    const { accumulators } = state;
    const { allowedLatenessMs, lateDataOutputTag } = this.operation;
    const end = timestamp + this.assigner.gapOf(value);
    const held = state.read() ?? { due: Number.POSITIVE_INFINITY, sessions: [] };
    const [from, to] = sessionsTouching(held.sessions, timestamp, end);
    const watermark = this.context.currentKeyWatermark();
    if (from === to && end - 1 + allowedLatenessMs <= watermark) {
      if (lateDataOutputTag) this.context.output.collectTo(lateDataOutputTag, value, timestamp);
      else this.numLateRecordsDropped.inc();
      return;
    }
    if (from === to) held.sessions.splice(from, 0, { start: timestamp, end, name: freeName(held.sessions) });
    const session = held.sessions[from] as StoredSession;
    if (from < to) this.merge(held.sessions, from, to);
    session.start = Math.min(session.start, timestamp);
    session.end = Math.max(session.end, end);
    accumulators.select(String(session.name));
    accumulators.add(value);
    if (session.end - 1 <= watermark) this.emit(session);
    this.schedule(held);
    state.write(held);
  }

  processWatermark(timestamp: number): void {
    this.advance(timestamp);
    this.context.output.emitWatermark(timestamp);
  }

  close(): void | Promise<void> {
    return this.operation.windowFunction?.close?.();
  }

  /** Makes the sessions from `from` to before `to` one. */
  private merge(sessions: StoredSession[], from: number, to: number): void {
    const { accumulators } = this.state;
    const session = sessions[from] as StoredSession;
    for (const other of sessions.splice(from + 1, to - from - 1)) {
      accumulators.select(String(other.name));
      const newer = accumulators.read();
      accumulators.clear();
      accumulators.select(String(session.name));
      accumulators.write(this.aggregate.merge(accumulators.read(), newer));
      session.end = other.end;
    }
  }

  private advance(timestamp: number): void {
    const before = this.watermark;
    this.watermark = timestamp;
    if (timestamp < this.nextTimeMs) return;
    const { schedule } = this.state;
    // The last one first: a key that is put into a later span has been looked at.
    const due = [...this.spans].filter(([, earliestMs]) => earliestMs <= timestamp).sort(([a], [b]) => b - a);
    for (const [span] of due) {
      const name = this.nameOf(span);
      this.spans.set(span, Number.POSITIVE_INFINITY);
      schedule.forEachKeyInNamespace(name, () => this.lookAt(span, before, timestamp));
      if (this.spans.get(span) !== Number.POSITIVE_INFINITY) continue;
      this.spans.delete(span);
      schedule.clearNamespace(name);
    }
    this.nextTimeMs = Number.POSITIVE_INFINITY;
    for (const earliestMs of this.spans.values()) this.nextTimeMs = Math.min(this.nextTimeMs, earliestMs);
  }

  /** Fires and drops what is due of the current key's sessions. */
  private lookAt(span: number, before: number, timestamp: number): void {
    const { state } = this;
    const { accumulators } = state;
    const { keyWatermarks } = this.context;
    const held = state.read() as SessionsOfKey;
    const firedUpTo = Math.max(
      before,
      keyWatermarks.highest > before ? keyWatermarks.of(this.backend.currentCanonicalKey) : before,
    );
    const left: StoredSession[] = [];
    for (const session of held.sessions) {
      const last = session.end - 1;
      if (last > firedUpTo && last <= timestamp) this.emit(session);
      if (last + this.operation.allowedLatenessMs > timestamp) left.push(session);
      else {
        accumulators.select(String(session.name));
        accumulators.clear();
      }
    }
    const after: SessionsOfKey = { due: span, sessions: left };
    const nextMs = this.nextTimeOf(left);
    this.moveTo(this.spanOf(nextMs), nextMs, after);
    if (left.length === 0) state.sessions.clear();
    else state.write(after);
  }

  private emit(session: StoredSession): void {
    const { accumulators } = this.state;
    accumulators.select(String(session.name));
    this.emitter.emit(session.start, session.end, this.backend.currentCanonicalKey, accumulators.own());
  }

  /** Puts the current key into an earlier span, if one of its sessions is due before the span in which it stands. */
  private schedule(held: SessionsOfKey): void {
    const nextMs = this.nextTimeOf(held.sessions);
    const span = this.spanOf(nextMs);
    if (span <= held.due) this.moveTo(span, nextMs, held);
  }

  /** @param span `Infinity` for none */
  private moveTo(span: number, timeMs: number, held: SessionsOfKey): void {
    if (span !== Number.POSITIVE_INFINITY) this.expect(span, timeMs);
    if (span === held.due) return;
    const { schedule } = this.state;
    if (held.due !== Number.POSITIVE_INFINITY) {
      schedule.setCurrentNamespace(this.nameOf(held.due));
      schedule.clear();
    }
    held.due = span;
    if (span === Number.POSITIVE_INFINITY) return;
    schedule.setCurrentNamespace(this.nameOf(span));
    schedule.update(true);
  }

  /** When the first of the sessions fires or is dropped. */
  private nextTimeOf(sessions: readonly StoredSession[]): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { end } of sessions) {
      const last = end - 1;
      nextMs = Math.min(nextMs, last > this.watermark ? last : last + this.operation.allowedLatenessMs);
    }
    return nextMs;
  }

  /** `Infinity` for `Infinity`. */
  private spanOf(timeMs: number): number {
    return Math.floor(timeMs / this.spanMs);
  }

  private expect(span: number, timeMs: number): void {
    const known = this.spans.get(span);
    if (known === undefined || known > timeMs) this.spans.set(span, timeMs);
    if (timeMs < this.nextTimeMs) this.nextTimeMs = timeMs;
  }

  /** Restored as it is, or made anew if it is that of another gap, or of an operator that has its own on the heap. */
  private restoreSchedule(): void {
    const { state } = this;
    const { sessions, schedule } = state;
    const names = schedule.namespaces();
    const spans = names.map((name) => Number(name.slice(name.indexOf(':') + 1)));
    if (names.length > 0 && names.every((name, i) => name === this.nameOf(spans[i] as number))) {
      for (const span of spans) this.expect(span, span * this.spanMs);
      return;
    }
    for (const name of names) schedule.clearNamespace(name);
    sessions.forEachKeyInNamespace(SESSIONS, () => {
      const held: SessionsOfKey = { ...(state.read() as SessionsOfKey), due: Number.POSITIVE_INFINITY };
      this.schedule(held);
      state.write(held);
    });
  }

  private nameOf(span: number): string {
    return `${this.spanMs}:${span}`;
  }
}
