import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetricRegistry } from '../metrics/index.ts';
import { ManagedMemory, type MemoryReservation } from './index.ts';

/** Uses memory as it can, and gives back what it is told to. */
class Consumer {
  readonly reservation: MemoryReservation;
  spilled = 0;

  constructor(memory: ManagedMemory, keeps = 0) {
    this.reservation = memory.open({
      spill: (bytes) => {
        const freed = Math.min(bytes, Math.max(0, this.reservation.usedBytes - keeps));
        this.spilled += freed;
        this.reservation.release(freed);
      },
    });
  }
}

test('a consumer may use all that is free, and no more', () => {
  const memory = new ManagedMemory(100);
  const { reservation } = new Consumer(memory);
  assert.equal(reservation.tryReserve(100), true);
  assert.equal(reservation.tryReserve(1), false);
  assert.equal(memory.usedBytes, 100);
  reservation.release(40);
  assert.equal(reservation.tryReserve(40), true);
});

test('one above its fair share makes room for another, one below does not', () => {
  const memory = new ManagedMemory(100);
  const first = new Consumer(memory);
  first.reservation.tryReserve(100);
  const second = new Consumer(memory);
  assert.equal(second.reservation.tryReserve(30), true);
  assert.deepEqual([first.spilled, first.reservation.usedBytes], [30, 70]);
  assert.equal(second.reservation.tryReserve(20), true);
  assert.equal(second.reservation.tryReserve(1), false);
  assert.deepEqual([first.reservation.usedBytes, second.reservation.usedBytes, memory.usedBytes], [50, 50, 100]);
});

test('one that cannot make room does not block the others for ever', () => {
  const memory = new ManagedMemory(100);
  const stubborn = new Consumer(memory, 100);
  stubborn.reservation.reserve(100);
  const second = new Consumer(memory);
  assert.equal(second.reservation.tryReserve(10), false);
  second.reservation.reserve(10);
  assert.equal(memory.usedBytes, 110);
});

test('what is closed is free again', () => {
  const memory = new ManagedMemory(100);
  const first = new Consumer(memory);
  first.reservation.tryReserve(80);
  first.reservation.close();
  assert.equal(memory.usedBytes, 0);
  assert.equal(new Consumer(memory).reservation.tryReserve(100), true);
});

test('metrics show what is used', () => {
  const memory = new ManagedMemory(100);
  const registry = new MetricRegistry({ currentTimeMs: () => 0, monotonicMs: () => 0, setTimer: () => ({ cancel() {} }) });
  memory.registerMetrics(registry.group('Status', 'Flink', 'Memory'));
  new Consumer(memory).reservation.tryReserve(60);
  assert.deepEqual(registry.snapshot(), { 'Status.Flink.Memory.Managed.Used': 60, 'Status.Flink.Memory.Managed.Total': 100 });
});
