/**
 * Logging as an injected interface. The engine never writes to the console itself: a host hands it a `Logger`.
 */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Data that goes with a line; printed as `key=value`. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  log(level: LogLevel, message: string, fields?: LogFields): void;
}

export const silentLogger: Logger = { log: () => {} };

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A logger that hands each line at or above `minLevel` to `write`, as `LEVEL message key=value`. */
export function textLogger(write: (line: string) => void, minLevel: LogLevel = 'warn'): Logger {
  return {
    log(level, message, fields) {
      if (RANK[level] < RANK[minLevel]) return;
      const extra = fields
        ? Object.entries(fields).map(([k, v]) => ` ${k}=${typeof v === 'string' ? v : JSON.stringify(v)}`)
        : [];
      write(`${level.toUpperCase().padEnd(5)} ${message}${extra.join('')}`);
    },
  };
}
