/** Starts the generator as a process of its own and says what it has written. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Percentiles } from './percentiles.ts';
import type { CountedWindow } from './view-counts.ts';

interface CommonTask {
  readonly broker: string;
  readonly topic: string;
  readonly seed: number;
}

export interface FillTask extends CommonTask {
  readonly mode: 'fill';
  readonly events: number;
  /** Of event time, between two events. */
  readonly spacingMs: number;
  readonly firstMs: number;
}

export interface Phase {
  readonly perSecond: number;
  readonly seconds: number;
}

export interface PaceTask extends CommonTask {
  readonly mode: 'pace';
  /** One after the other. */
  readonly phases: readonly Phase[];
}

export type GeneratorTask = FillTask | PaceTask;

export type GeneratorMessage =
  | { readonly kind: 'started'; readonly startMs: number }
  | { readonly kind: 'done'; readonly events: number; readonly views: readonly CountedWindow[]; readonly late: Percentiles };

export interface Generated {
  readonly events: number;
  readonly views: readonly CountedWindow[];
  /**
   * How long the oldest event that a paced generator wrote had been due, over all moments at which it wrote in its last phase: what of a
   * latency is the generator's own.
   */
  readonly late: Percentiles;
}

export interface Generator {
  /** Wall clock: the time of the first event of a paced generator. */
  readonly started: Promise<number>;
  readonly done: Promise<Generated>;
  stop(): void;
}

export function startGenerator(task: GeneratorTask): Generator {
  const child = fork(join(import.meta.dirname, 'generate.ts'), [JSON.stringify(task)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  const started = Promise.withResolvers<number>();
  const done = Promise.withResolvers<Generated>();
  started.promise.catch(() => {});
  done.promise.catch(() => {});
  child.on('message', (message: GeneratorMessage) => {
    if (message.kind === 'started') started.resolve(message.startMs);
    else done.resolve(message);
  });
  // Its messages come before it, unlike its exit, which may overtake them.
  child.once('disconnect', () => {
    const failure = new Error('the generator ended before it was done');
    started.reject(failure);
    done.reject(failure);
  });
  return { started: started.promise, done: done.promise, stop: () => void child.kill('SIGKILL') };
}
