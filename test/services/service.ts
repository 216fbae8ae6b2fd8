/**
 * What every service under test offers, and services that a developer runs already and names by an environment variable.
 */
import type { ServerProcess } from './server-process.ts';

export interface Service {
  /** Of 127.0.0.1, or of the host that the environment variable names. */
  readonly port: number;
  /** `host:port`. */
  readonly address: string;
  /** The id of the process; undefined while it does not run, and for a service that an environment variable names. */
  readonly pid: number | undefined;
  /** Ends the service at once (SIGKILL unless told otherwise). Its data stay. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again after {@link kill}, on the same port and data; resolves when it answers. */
  start(): Promise<void>;
  /** Ends it for good and removes its data. */
  stop(): Promise<void>;
  /** The end of its log. */
  logTail(): string;
}

/** A service that runs in a process of ours, on a port of 127.0.0.1. */
export function ownService(server: ServerProcess, port: number): Service {
  return {
    port,
    address: `127.0.0.1:${port}`,
    get pid() {
      return server.pid;
    },
    kill: (signal) => server.kill(signal),
    start: () => server.start(),
    stop: () => server.stop(),
    logTail: () => server.logTail(),
  };
}

/** The service that `variable` names, as `host:port`; undefined if it is not set. It can be neither killed nor stopped. */
export function namedService(variable: string): Service | undefined {
  const address = process.env[variable];
  if (!address) return undefined;
  const port = Number(/^[^:,]+:(\d+)$/.exec(address)?.[1]);
  if (!(port > 0)) throw new Error(`${variable} must be host:port; it is ${address}`);
  const refuse = (): never => {
    throw new Error(`${address} is named by ${variable}: a test that kills a service must ask for one of its own`);
  };
  return { port, address, pid: undefined, kill: refuse, start: refuse, stop: async () => {}, logTail: () => '' };
}

/** Starts a server that was just laid out; if that fails, nothing is left of it. */
export async function started(server: ServerProcess): Promise<ServerProcess> {
  try {
    await server.start();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}
