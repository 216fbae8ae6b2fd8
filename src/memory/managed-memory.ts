/**
 * The managed memory of one slot: memory off the JavaScript heap that several consumers (the state of the operators in the
 * slot) share. It is a count; consumers allocate by themselves, and only what they were granted.
 *
 * A consumer may use all that is free. When nothing is, the one that is furthest above its fair share (the total divided by
 * the number of consumers) is told to spill, be it the one that asks or another: so an operator that fills up first leaves
 * room for those that come later. All of it happens on the thread of the slot, at once.
 */
import { invariant } from '../common/index.ts';
import type { MetricGroup } from '../metrics/index.ts';

export interface MemoryConsumer {
  /** Frees at least `bytes` through `release` if it can, by moving what it holds to disk. */
  spill(bytes: number): void;
}

/** What one consumer may use. */
export interface MemoryReservation {
  readonly usedBytes: number;
  /** The total that all consumers share. */
  readonly totalBytes: number;
  /** Takes memory if there is some, after others made room if it is their turn; `false`: spill something of your own first. */
  tryReserve(bytes: number): boolean;
  /** Takes memory that cannot be done without (an index); the total may be exceeded if nobody can make room. */
  reserve(bytes: number): void;
  release(bytes: number): void;
  /** Gives everything back. */
  close(): void;
}

export class ManagedMemory {
  readonly totalBytes: number;
  private readonly reservations = new Set<Reservation>();

  constructor(totalBytes: number) {
    this.totalBytes = totalBytes;
  }

  get usedBytes(): number {
    let used = 0;
    for (const reservation of this.reservations) used += reservation.usedBytes;
    return used;
  }

  open(consumer: MemoryConsumer): MemoryReservation {
    const reservation = new Reservation(this, consumer);
    this.reservations.add(reservation);
    return reservation;
  }

  close(reservation: MemoryReservation): void {
    this.reservations.delete(reservation as Reservation);
  }

  /** Lets others spill until `bytes` are free, as long as one of them is above its fair share by more than `except` is. */
  makeRoom(bytes: number, except: MemoryReservation): boolean {
    const fairShare = this.totalBytes / this.reservations.size;
    for (;;) {
      const missing = this.usedBytes + bytes - this.totalBytes;
      if (missing <= 0) return true;
      let largest = except as Reservation;
      for (const each of this.reservations) if (each.usedBytes > largest.usedBytes) largest = each;
      if (largest === except || largest.usedBytes <= fairShare) return false;
      const before = largest.usedBytes;
      largest.consumer.spill(Math.min(missing, before - fairShare));
      if (largest.usedBytes >= before) return false;
    }
  }

  /** Gauges with Flink's names: `Managed.Used` and `Managed.Total`, in bytes. */
  registerMetrics(group: MetricGroup): void {
    const managed = group.addGroup('Managed');
    managed.gauge('Used', () => this.usedBytes);
    managed.gauge('Total', () => this.totalBytes);
  }
}

class Reservation implements MemoryReservation {
  readonly consumer: MemoryConsumer;
  private readonly memory: ManagedMemory;
  private used = 0;

  constructor(memory: ManagedMemory, consumer: MemoryConsumer) {
    this.memory = memory;
    this.consumer = consumer;
  }

  get usedBytes(): number {
    return this.used;
  }

  get totalBytes(): number {
    return this.memory.totalBytes;
  }

  tryReserve(bytes: number): boolean {
    if (!this.memory.makeRoom(bytes, this)) return false;
    this.used += bytes;
    return true;
  }

  reserve(bytes: number): void {
    if (!this.memory.makeRoom(bytes, this)) this.consumer.spill(bytes);
    this.used += bytes;
  }

  release(bytes: number): void {
    invariant(bytes <= this.used, `${bytes} bytes of managed memory are given back, of ${this.used}`);
    this.used -= bytes;
  }

  close(): void {
    this.used = 0;
    this.memory.close(this);
  }
}
