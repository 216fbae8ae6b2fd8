/**
 * Where a job stands, as one line for people. Rates are those of the last seconds, not of the whole run, so that the line tells
 * what happens now.
 */
import type { JobProgress } from '../protocol/index.ts';

/** A rate is taken over at least this long. */
const RATE_SPAN_MS = 3000;
/** Event time before this is no wall-clock time: numbers that a program or a test made up. */
const FIRST_SENSIBLE_TIME_MS = Date.UTC(1990, 0, 1);
const MAX_SENSIBLE_LAG_MS = 24 * 60 * 60 * 1000;

export class ProgressText {
  private readonly jobName: string;
  private readonly samples: JobProgress[] = [];

  constructor(jobName: string) {
    this.jobName = jobName;
  }

  /** The line now. @param nowMs wall-clock time, for the lag of the watermark */
  line(progress: JobProgress, nowMs: number): string {
    const first = this.sample(progress);
    const spanMs = progress.runtimeMs - first.runtimeMs;
    const perSecond = (now: number, before: number): number => (spanMs > 0 ? ((now - before) * 1000) / spanMs : 0);
    const parts = [`${grouped(progress.recordsIn)} records`, `${short(perSecond(progress.recordsIn, first.recordsIn))}/s`];
    if (progress.bytesIn > 0) parts.push(`${megabytes(perSecond(progress.bytesIn, first.bytesIn))}/s`);
    const { fraction } = progress;
    if (fraction !== undefined) {
      parts.push(`${Math.floor(fraction * 100)} %`);
      if (fraction > 0 && fraction < 1) parts.push(`${duration((progress.runtimeMs * (1 - fraction)) / fraction)} left`);
    } else parts.push(duration(progress.runtimeMs));
    // Last, because it is long: a narrow terminal cuts the line off at its end.
    const watermark = watermarkText(progress.watermark, nowMs);
    if (watermark !== undefined) parts.push(watermark);
    return `${this.jobName}: ${parts.join(' · ')}`;
  }

  /** Keeps a sample; returns the oldest one that the rates are taken from. */
  private sample(progress: JobProgress): JobProgress {
    const { samples } = this;
    if (samples.length === 0) samples.push({ recordsIn: 0, bytesIn: 0, recordsOut: 0, watermark: 0, runtimeMs: 0 });
    samples.push(progress);
    while (samples.length > 2 && (samples[1] as JobProgress).runtimeMs <= progress.runtimeMs - RATE_SPAN_MS) samples.shift();
    return samples[0] as JobProgress;
  }
}

/** What is left to say when a job is over. */
export function summaryText(jobName: string, outcome: 'finished' | 'was canceled' | 'failed', progress: JobProgress): string {
  const { recordsIn, recordsOut, bytesIn, runtimeMs } = progress;
  const seconds = Math.max(runtimeMs, 1) / 1000;
  const bytes = bytesIn > 0 ? `, ${megabytes(bytesIn)} (${megabytes(bytesIn / seconds)}/s)` : '';
  const records = `${grouped(recordsIn)} records in (${short(recordsIn / seconds)}/s)${bytes}, ${grouped(recordsOut)} out`;
  return `Job '${jobName}' ${outcome} after ${duration(runtimeMs)}: ${records}`;
}

function watermarkText(watermark: number, nowMs: number): string | undefined {
  if (!Number.isFinite(watermark)) return undefined;
  if (watermark < FIRST_SENSIBLE_TIME_MS || watermark > 8.64e15) return `watermark ${watermark}`;
  const time = new Date(watermark).toISOString().replace(/\.\d+Z$/, 'Z');
  const lagMs = nowMs - watermark;
  const lag = lagMs >= 0 && lagMs <= MAX_SENSIBLE_LAG_MS ? ` (${duration(lagMs)} behind)` : '';
  return `watermark ${time}${lag}`;
}

/** 1234567 → '1,234,567' */
export function grouped(n: number): string {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** 1234567 → '1.23 M' */
export function short(n: number): string {
  if (n < 1000) return String(Math.round(n));
  const [divisor, unit] = n < 999_500 ? [1e3, 'k'] : n < 999_500_000 ? [1e6, 'M'] : [1e9, 'G'];
  return `${(n / divisor).toPrecision(3)} ${unit}`;
}

function megabytes(bytes: number): string {
  const mb = bytes / 1e6;
  return mb >= 1000 ? `${(mb / 1000).toFixed(1)} GB` : `${mb < 10 ? mb.toFixed(1) : Math.round(mb)} MB`;
}

/** 3723000 → '1 h 2 min' */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
