/**
 * A transport whose two ends are on one thread: for tests and the simulation. It copies messages as a thread boundary does, so
 * what would fail there fails here.
 */
import type { MessageTransport } from './message-transport.ts';

/**
 * @param schedule when a message may arrive, `queueMicrotask` unless given. It may delay each as it likes: messages of one
 *   direction still arrive in the order in which they were sent
 */
export function createMemoryTransports(
  schedule: (deliver: () => void) => void = queueMicrotask,
): readonly [MessageTransport, MessageTransport] {
  const first = new MemoryTransport(schedule);
  const second = new MemoryTransport(schedule);
  first.peer = second;
  second.peer = first;
  return [first, second];
}

const CLOSE = Symbol('close');

class MemoryTransport implements MessageTransport {
  peer: MemoryTransport | undefined;
  onMessage: (message: unknown) => void = () => {};
  onClose: () => void = () => {};
  private readonly schedule: (deliver: () => void) => void;
  private readonly underway: unknown[] = [];
  private closed = false;

  constructor(schedule: (deliver: () => void) => void) {
    this.schedule = schedule;
  }

  send(message: unknown): void {
    if (!this.closed) this.put(structuredClone(message));
  }

  close(): void {
    if (this.closed) return;
    this.put(CLOSE);
    this.end();
  }

  private put(message: unknown): void {
    this.underway.push(message);
    this.schedule(() => this.peer?.receive(this.underway.shift()));
  }

  private receive(message: unknown): void {
    if (this.closed) return;
    if (message === CLOSE) this.end();
    else this.onMessage(message);
  }

  private end(): void {
    if (this.closed) return;
    this.closed = true;
    this.onClose();
  }
}
