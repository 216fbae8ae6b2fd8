/**
 * Event-time sessions with the default trigger and no evictor, on the heap: the fast way, as long as they fit.
 *
 * The general operator moves two timers and rewrites a set of windows whenever a record makes a session longer. Here, the
 * open sessions of a key are a short list of objects in order of time; a record changes the end of one of them. What is due
 * stands in a heap, in which a session has one current place: a time at or before the one at which it has to be looked at.
 * A session that has grown by then is put back. So most records cost one lookup and two comparisons.
 *
 * Invariants: sessions of a key neither overlap nor touch; a session whose last timestamp the watermark has passed has fired,
 * and fires again with every late record; it is dropped when the watermark has passed it by the allowed lateness. Between
 * checkpoints, keyed state holds nothing of this: sessions are written there for a snapshot, and read back once.
 */
import type { Counter } from '../../metrics/index.ts';
import type { CanonicalKey, KeyedStateBackend } from '../../state/index.ts';
import { type ChainCode, MIN_WATERMARK, type OperatorContext, type StreamOperator } from '../operator.ts';
import { copyData } from './copy-data.ts';
import { KeyMap } from './key-map.ts';
import { Session, SessionSchedule } from './session-schedule.ts';
import { SESSIONS, type SessionState, sessionState, sessionsTouching } from './session-state.ts';
import type { EventTimeSessionWindows } from './session-windows.ts';
import { addCode, type WindowAggregate, windowAggregate } from './window-aggregate.ts';
import { refuseTimestamp } from './window-assigner.ts';
import { WindowEmitter } from './window-emitter.ts';
import type { WindowOperation } from './window-operation.ts';

export class SessionWindowOperator implements StreamOperator {
  readonly userFunction: unknown;
  private readonly operation: WindowOperation;
  private readonly assigner: EventTimeSessionWindows<any>;
  private readonly aggregate: WindowAggregate;
  /** By key, ascending. */
  private readonly sessions = new KeyMap<Session[]>();
  private readonly schedule = new SessionSchedule();
  private watermark = MIN_WATERMARK;
  /** Records up to here may be late: for some keys, or for all. Read by generated code. */
  lateUpTo = MIN_WATERMARK;
  private context!: OperatorContext;
  private backend!: KeyedStateBackend;
  private emitter!: WindowEmitter;
  private snapshotState!: SessionState;
  private hasSnapshotState = false;
  private numLateRecordsDropped!: Counter;

  constructor(operation: WindowOperation, assigner: EventTimeSessionWindows<any>) {
    this.operation = operation;
    this.userFunction = operation.windowFunction;
    this.assigner = assigner;
    this.aggregate = windowAggregate(operation.contents);
  }

  open(context: OperatorContext): void | Promise<void> {
    this.context = context;
    this.backend = context.keyedState;
    this.numLateRecordsDropped = context.metrics.counter('numLateRecordsDropped');
    this.emitter = new WindowEmitter(this.operation, this.aggregate, context, true);
    this.snapshotState = sessionState(this.operation, this.aggregate, this.backend);
    this.watermark = context.currentWatermark();
    this.lateUpTo = Math.max(this.watermark, context.keyWatermarks.highest);
    this.restoreSessions();
    return this.operation.windowFunction?.open?.(context.runtimeContext);
  }

  /** The record belongs to the newest session of its key, or follows it within the gap; otherwise see `processElsewhere`. */
  inline(code: ChainCode, value: string, timestamp: string): string {
    code.collect();
    const operator = code.bind(this, 'window');
    const sessions = code.bind(this.sessions, 'sessions');
    const backend = code.bind(this.backend, 'backend');
    const { gapMs } = this.assigner;
    const gapCode = gapMs === undefined ? `${code.bind(this.assigner, 'assigner')}.gapOf(${value})` : String(gapMs);
    const [end, list, session] = [code.local('end'), code.local('sessions'), code.local('session')];
    return `const ${end} = ${timestamp} + ${gapCode};
const ${list} = ${sessions}.get(${backend}.currentCanonicalKey);
const ${session} = ${list} === undefined ? undefined : ${list}[${list}.length - 1];
if (${session} !== undefined && ${timestamp} >= ${session}.start && ${timestamp} <= ${session}.end && ${timestamp} > ${operator}.lateUpTo) {
if (${end} > ${session}.end) ${operator}.extend(${session}, ${end});
${addCode(this.operation.contents, code, `${session}.accumulator`, value)}
} else ${operator}.processElsewhere(${value}, ${timestamp}, ${end}, ${list});`;
  }

  processWatermark(timestamp: number): void {
    this.advance(timestamp);
    this.context.output.emitWatermark(timestamp);
  }

  /** Called by generated code. */
  extend(session: Session, end: number): void {
    session.end = end;
    if (end <= session.dueMs) this.schedule.put(session, end - 1);
  }

  /** Any record. Called by generated code. */
  processElsewhere(value: unknown, timestamp: number, end: number, known: Session[] | undefined): void {
    if (!Number.isFinite(timestamp)) refuseTimestamp(timestamp);
    const { allowedLatenessMs, lateDataOutputTag } = this.operation;
    const list = known ?? [];
    const [from, to] = sessionsTouching(list, timestamp, end);
    const watermark = this.context.currentKeyWatermark();
    if (from === to && end - 1 + allowedLatenessMs <= watermark) {
      if (lateDataOutputTag) this.context.output.collectTo(lateDataOutputTag, value, timestamp);
      else this.numLateRecordsDropped.inc();
      return;
    }
    const session = from === to ? this.openSession(list, from, timestamp, end) : this.merge(list, from, to, timestamp, end);
    session.accumulator = this.aggregate.add(value, session.accumulator);
    if (known === undefined) this.sessions.set(session.key, list);
    if (session.end - 1 <= watermark) this.emit(session);
    this.scheduleNext(session);
  }

  prepareSnapshot(): void {
    const { snapshotState: state, backend } = this;
    this.clearSnapshotState();
    for (const part of this.sessions.parts()) {
      for (const [key, list] of part) {
        backend.setCurrentCanonicalKey(key);
        const sessions = list.map(({ start, end }, name) => ({ start, end, name }));
        state.write({ due: Number.POSITIVE_INFINITY, sessions });
        for (const [name, { accumulator }] of list.entries()) {
          state.accumulators.select(String(name));
          state.accumulators.write(accumulator);
        }
      }
    }
    this.hasSnapshotState = true;
  }

  close(): void | Promise<void> {
    return this.operation.windowFunction?.close?.();
  }

  private openSession(list: Session[], position: number, start: number, end: number): Session {
    const session = new Session(this.backend.currentCanonicalKey, start, end, this.aggregate.create());
    list.splice(position, 0, session);
    return session;
  }

  /** Makes the sessions from `from` to before `to` one, which reaches from `start` to `end` at least. */
  private merge(list: Session[], from: number, to: number, start: number, end: number): Session {
    const session = list[from] as Session;
    for (let i = from + 1; i < to; i++) {
      const other = list[i] as Session;
      session.accumulator = this.aggregate.merge(session.accumulator, other.accumulator);
      session.end = other.end;
      this.schedule.remove(other);
    }
    list.splice(from + 1, to - from - 1);
    session.start = Math.min(session.start, start);
    session.end = Math.max(session.end, end);
    return session;
  }

  private advance(timestamp: number): void {
    if (this.hasSnapshotState) this.clearSnapshotState();
    const before = this.watermark;
    this.watermark = timestamp;
    if (timestamp > this.lateUpTo) this.lateUpTo = timestamp;
    const { allowedLatenessMs } = this.operation;
    for (let session = this.schedule.takeUntil(timestamp); session !== undefined; session = this.schedule.takeUntil(timestamp)) {
      const last = session.end - 1;
      if (last > before && last <= timestamp && !this.firedBeforeRestore(session)) this.emit(session);
      if (last + allowedLatenessMs <= timestamp) this.drop(session);
      else this.scheduleNext(session);
    }
  }

  private scheduleNext(session: Session): void {
    const last = session.end - 1;
    const timeMs = last > this.watermark ? last : last + this.operation.allowedLatenessMs;
    if (timeMs < session.dueMs) this.schedule.put(session, timeMs);
  }

  private firedBeforeRestore({ key, end }: Session): boolean {
    const { keyWatermarks } = this.context;
    return end - 1 <= keyWatermarks.highest && end - 1 <= keyWatermarks.of(key);
  }

  private emit(session: Session): void {
    const { start, end, key, accumulator } = session;
    const goesOn = this.operation.allowedLatenessMs > 0;
    this.emitter.emit(start, end, key, goesOn ? copyData(accumulator) : accumulator);
  }

  private drop({ key, start }: Session): void {
    const list = this.sessions.get(key) as Session[];
    if (list.length === 1) this.sessions.delete(key);
    else
      list.splice(
        list.findIndex((session) => session.start === start),
        1,
      );
  }

  private restoreSessions(): void {
    const { snapshotState: state, sessions } = this;
    state.sessions.forEachKeyInNamespace(SESSIONS, () => {
      const key: CanonicalKey = this.backend.currentCanonicalKey;
      const list = (state.read()?.sessions ?? []).map(({ start, end, name }) => {
        state.accumulators.select(String(name));
        return new Session(key, start, end, state.accumulators.read());
      });
      sessions.set(key, list);
      for (const session of list) this.scheduleNext(session);
    });
    this.clearSnapshotState();
  }

  private clearSnapshotState(): void {
    const { sessions, accumulators, schedule } = this.snapshotState;
    for (const state of [sessions, accumulators.state, schedule]) {
      for (const namespace of state.namespaces()) state.clearNamespace(namespace);
    }
    this.hasSnapshotState = false;
  }
}
