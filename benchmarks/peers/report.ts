/** The outcome as Markdown: medians over the rounds, the worst maximum, and who was wrong. */
import type { CatchUp } from './yahoo/catch-up.ts';
import type { Latency } from './yahoo/latency.ts';
import { median } from './yahoo/percentiles.ts';
import type { Outcome } from './yahoo/yahoo.ts';

export function report(outcomes: readonly Outcome[]): string {
  const rates = [...new Set(outcomes.flatMap(({ latency }) => latency.map(({ perSecond }) => perSecond)))].sort((a, b) => a - b);
  const absent = outcomes
    .filter(({ absence }) => absence !== undefined)
    .map(({ contestant, absence }) => `- ${contestant} did not take part: ${absence}`);
  const failed = outcomes.flatMap(({ failures }) => failures.map((failure) => `- ${failure}`));
  return [catchUpTable(outcomes), ...rates.map((rate) => latencyTable(outcomes, rate)), absent.join('\n'), failed.join('\n')]
    .filter((part) => part !== '')
    .join('\n\n');
}

function catchUpTable(outcomes: readonly Outcome[]): string {
  return table(
    ['catch-up', 'k events/s', '(rounds)', 'CPU s per million', 'peak MB', 'start to first result s', 'counts'],
    outcomes
      .filter(({ catchUp }) => catchUp.length > 0)
      .map(({ contestant, catchUp }) => {
        const of = (figure: (run: CatchUp) => number): number => median(catchUp.map(figure));
        return [
          contestant,
          (of((run) => run.eventsPerSecond) / 1000).toFixed(0),
          catchUp.map((run) => (run.eventsPerSecond / 1000).toFixed(0)).join(', '),
          of((run) => run.cpuSecondsPerMillion).toFixed(2),
          of((run) => run.peakMegabytes).toFixed(0),
          (of((run) => run.firstResultMs) / 1000).toFixed(2),
          counts(catchUp),
        ];
      }),
  );
}

function latencyTable(outcomes: readonly Outcome[], rate: number): string {
  return table(
    [
      `${rate / 1000} k events/s`,
      'window p50 ms',
      'p99',
      'max',
      'passed through p50 ms',
      'p99',
      'max',
      'cores',
      'generator late p99 ms',
      'counts',
    ],
    outcomes
      .map(({ contestant, latency }) => ({ contestant, runs: latency.filter(({ perSecond }) => perSecond === rate) }))
      .filter(({ runs }) => runs.length > 0)
      .map(({ contestant, runs }) => {
        const of = (figure: (run: Latency) => number): string => median(runs.map(figure)).toFixed(0);
        const worst = (figure: (run: Latency) => number): string => Math.max(...runs.map(figure)).toFixed(0);
        return [
          contestant,
          of((run) => run.windowMs.p50),
          of((run) => run.windowMs.p99),
          worst((run) => run.windowMs.max),
          of((run) => run.passedMs.p50),
          of((run) => run.passedMs.p99),
          worst((run) => run.passedMs.max),
          median(runs.map((run) => run.cores)).toFixed(2),
          of((run) => run.generatorMs.p99),
          counts(runs),
        ];
      }),
  );
}

function counts(runs: readonly { readonly fault: string | undefined }[]): string {
  const wrong = runs.map(({ fault }) => fault).filter((fault) => fault !== undefined);
  if (wrong.length === 0) return 'right';
  return `**wrong** in ${wrong.length} of ${runs.length}: ${wrong[0]?.replaceAll(/\s+/g, ' ').slice(0, 200)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}
