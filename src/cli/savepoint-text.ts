/** What is in a savepoint, as text for people. */
import type {
  CheckpointInspection,
  KeyedInspection,
  KeyedStateInspection,
  OperatorInspection,
  Verification,
} from '../checkpoint/index.ts';

/** Event time before this is no wall-clock time: numbers that a program or a test made up. */
const FIRST_SENSIBLE_TIME_MS = Date.UTC(1990, 0, 1);

export function inspectionText(inspection: CheckpointInspection, verification?: Verification): string {
  const { kind, path, checkpointId, jobName, jobId, triggerTimestampMs, completedTimestampMs } = inspection;
  const tookMs = Math.round(completedTimestampMs - triggerTimestampMs);
  const lines = [
    `${kind === 'SAVEPOINT' ? 'Savepoint' : 'Checkpoint'} ${path}`,
    `  number ${checkpointId} of job '${jobName}' (${jobId})`,
    `  completed ${timeText(completedTimestampMs)}, ${tookMs} ms after it was triggered`,
    `  ${counted(inspection.operators.length, 'operator')}, ${sizeText(inspection.stateBytes)} of state, ${counted(inspection.files, 'file')} beside the metadata`,
  ];
  for (const operator of inspection.operators) lines.push('', ...operatorLines(operator));
  if (inspection.problems.length > 0) lines.push('', ...inspection.problems);
  if (verification !== undefined) lines.push('', ...verificationLines(verification));
  return `${lines.join('\n')}\n`;
}

function operatorLines(operator: OperatorInspection): string[] {
  const { operatorId, uid, name, parallelism, maxParallelism, finishedSubtasks, keyed, inFlight, watermark } = operator;
  const lines = [
    `Operator '${name}'`,
    `  ${uid === undefined ? 'no uid' : `uid '${uid}'`}, id ${operatorId}`,
    `  parallelism ${parallelism}, at most ${maxParallelism}; ${sizeText(operator.stateBytes)}`,
  ];
  if (finishedSubtasks > 0) lines.push(`  ${finishedSubtasks} of ${counted(parallelism, 'subtask')} had finished`);
  if (keyed !== undefined) lines.push(...keyedLines(keyed, maxParallelism));
  if (operator.operatorStates.length > 0) {
    lines.push('  operator state');
    const rows = operator.operatorStates.map(({ name: state, mode, type, elements, bytes }) => [
      state,
      `${mode} ${type}`,
      counted(elements, mode === 'BROADCAST' ? 'entry' : 'element'),
      sizeText(bytes),
    ]);
    lines.push(...tableLines(rows));
  }
  for (const { name: service, eventTime, processingTime } of operator.timers) {
    lines.push(`  timers '${service}': ${grouped(eventTime)} in event time, ${grouped(processingTime)} in processing time`);
  }
  if (operator.coordinatorBytes > 0) lines.push(`  split enumerator: ${sizeText(operator.coordinatorBytes)}`);
  if (inFlight.channels > 0) lines.push(`  in flight: ${sizeText(inFlight.bytes)} from ${counted(inFlight.channels, 'channel')}`);
  if (watermark !== null) lines.push(`  watermark ${timeText(watermark)}`);
  return lines;
}

function keyedLines({ format, stateBytes, states, keyGroups }: KeyedInspection, maxParallelism: number): string[] {
  const lines = [
    format === 'KEY_GROUPS'
      ? `  keyed state, canonical format, ${sizeText(stateBytes)}`
      : `  keyed state, format of the backend '${format}', ${sizeText(stateBytes)}`,
  ];
  if (keyGroups !== undefined) {
    const { withState, largest } = keyGroups;
    const which = largest === undefined ? '' : `, the largest is ${largest.keyGroup} with ${sizeText(largest.bytes)}`;
    lines.push(`  ${withState} of ${maxParallelism} key groups hold state${which}`);
  }
  lines.push(...tableLines(states.map(keyedRow)));
  return lines;
}

function keyedRow({ name, type, namespaced, ttl, bytes, keyGroups }: KeyedStateInspection): string[] {
  const features = [...(namespaced ? ['by window'] : []), ...(ttl ? ['time to live'] : [])];
  const kind = [type, ...features].join(', ');
  return bytes === undefined ? [name, kind] : [name, kind, sizeText(bytes), `in ${counted(keyGroups ?? 0, 'key group')}`];
}

function verificationLines({ files, bytes, damages }: Verification): string[] {
  const checked = `${counted(files, 'file')}, ${sizeText(bytes)}`;
  if (damages.length === 0) return [`Verified: all checksums fit (${checked}).`];
  return [`DAMAGED: ${damages.length} of ${checked}:`, ...damages.map(({ message }) => `  ${message}`)];
}

/** Columns as wide as their widest cell. */
function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows.map((row) => `    ${row.map((cell, i) => cell.padEnd(widths[i] as number)).join('  ')}`.trimEnd());
}

function timeText(timestampMs: number): string {
  const sensible = timestampMs >= FIRST_SENSIBLE_TIME_MS && timestampMs <= 8.64e15;
  return sensible ? new Date(timestampMs).toISOString() : String(timestampMs);
}

export function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = bytes / 1000;
  let unit = 0;
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000;
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

function grouped(n: number): string {
  return n.toLocaleString('en-US');
}

function counted(n: number, noun: string): string {
  return `${grouped(n)} ${n === 1 ? noun : noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : `${noun}s`}`;
}
