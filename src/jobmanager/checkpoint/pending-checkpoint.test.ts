import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canBeAborted, type PendingEvent, type PendingState, transitionPending } from './pending-checkpoint.ts';

const reason = new Error('gone');
const checkpoint = { checkpointId: 1 } as never;
const acknowledged = new Map();

const STATES: Record<PendingState['phase'], PendingState> = {
  COLLECTING: { phase: 'COLLECTING', awaiting: new Set(['a']), acknowledged },
  ACKNOWLEDGED: { phase: 'ACKNOWLEDGED', acknowledged },
  WRITING: { phase: 'WRITING', acknowledged },
  COMPLETED: { phase: 'COMPLETED', checkpoint },
  ABORTED: { phase: 'ABORTED', reason },
};

const EVENTS: Record<PendingEvent['type'], PendingEvent> = {
  ACKNOWLEDGE: { type: 'ACKNOWLEDGE', task: 'a', state: { operators: {}, finished: false } },
  WRITE: { type: 'WRITE' },
  COMPLETE: { type: 'COMPLETE', checkpoint },
  FAIL_WRITING: { type: 'FAIL_WRITING', reason },
  ABORT: { type: 'ABORT', reason },
};

const ALLOWED: readonly [PendingState['phase'], PendingEvent['type'], PendingState['phase']][] = [
  ['COLLECTING', 'ACKNOWLEDGE', 'ACKNOWLEDGED'],
  ['COLLECTING', 'ABORT', 'ABORTED'],
  ['ACKNOWLEDGED', 'WRITE', 'WRITING'],
  ['ACKNOWLEDGED', 'ABORT', 'ABORTED'],
  ['WRITING', 'COMPLETE', 'COMPLETED'],
  ['WRITING', 'FAIL_WRITING', 'ABORTED'],
];

describe('the life of a pending checkpoint', () => {
  it('has these transitions and no others', () => {
    for (const [phase, state] of Object.entries(STATES)) {
      for (const [type, event] of Object.entries(EVENTS)) {
        const next = ALLOWED.find(([from, by]) => from === phase && by === type)?.[2];
        if (next) assert.equal(transitionPending(state, event).phase, next);
        else assert.throws(() => transitionPending(state, event), { code: 'INTERNAL' }, `${type} in ${phase}`);
      }
    }
  });

  it('collects until the last has acknowledged, each once', () => {
    const first = transitionPending({ phase: 'COLLECTING', awaiting: new Set(['a', 'b']), acknowledged }, EVENTS.ACKNOWLEDGE);
    assert.deepEqual([first.phase, first.phase === 'COLLECTING' && [...first.awaiting]], ['COLLECTING', ['b']]);
    assert.throws(() => transitionPending(first, EVENTS.ACKNOWLEDGE), { code: 'INTERNAL' });
  });

  it('can be given up until its metadata is being written', () => {
    const phases = Object.values(STATES)
      .filter(canBeAborted)
      .map((s) => s.phase);
    assert.deepEqual(phases, ['COLLECTING', 'ACKNOWLEDGED']);
  });
});
