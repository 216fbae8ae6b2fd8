/**
 * A TCP proxy that fails on command, for tests of what a client does when its network does.
 *
 * Faults are plain fields, read for every chunk, and each direction has its own: `up` is from the client to the server. A held
 * direction keeps its bytes and goes on with them when it is released, as a network does that stalls and heals; nothing is lost
 * or reordered as long as the connection lives.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

export type Direction = 'up' | 'down';

interface Connection {
  readonly client: Socket;
  readonly upstream: Socket;
  bytes: number;
  /** What the client has sent goes on when this resolves, even if the client is gone by then. */
  stranded?: Promise<void>;
}

export class FaultyProxy {
  /** Whether new connections are reset at once. */
  refuse = false;
  /** Directions in which nothing moves until {@link heal} or {@link release}. */
  readonly held: Record<Direction, boolean> = { up: false, down: false };
  /** How much later each chunk arrives. */
  readonly delayMs: Record<Direction, number> = { up: 0, down: 0 };
  /** How fast bytes go through each connection. */
  readonly bytesPerSecond: Record<Direction, number> = { up: Infinity, down: Infinity };
  /** A connection is reset once this many bytes, of both directions, would have passed through it. */
  cutAfterBytes = Infinity;

  readonly #connections = new Set<Connection>();
  readonly #wakers = new Set<() => void>();
  readonly #server: Server;
  #upstreamPort: number;

  private constructor(upstreamPort: number) {
    this.#upstreamPort = upstreamPort;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  /** Listens on a loopback port of its own (or on `port`) for connections to 127.0.0.1:`upstreamPort`. */
  static async listen(upstreamPort: number, port = 0): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(upstreamPort);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(port, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy is closed');
    return address.port;
  }

  /** Connections that are open now. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Sends new connections to another port. */
  redirect(upstreamPort: number): void {
    this.#upstreamPort = upstreamPort;
  }

  /** Stops the bytes of one direction, or of both, without losing any. */
  hold(...directions: readonly Direction[]): void {
    for (const direction of directions.length > 0 ? directions : (['up', 'down'] as const)) this.held[direction] = true;
  }

  /** Lets held bytes go on, in the order in which they came. */
  release(): void {
    this.held.up = this.held.down = false;
    for (const wake of this.#wakers) wake();
    this.#wakers.clear();
  }

  /** Takes all faults away. */
  heal(): void {
    this.refuse = false;
    this.cutAfterBytes = Infinity;
    this.delayMs.up = this.delayMs.down = 0;
    this.bytesPerSecond.up = this.bytesPerSecond.down = Infinity;
    this.release();
  }

  /**
   * Keeps what the clients of the connections that are open now send, while new connections work: packets that are lost on one way. When
   * they are released they reach the server, though the client may have given up long ago; `ended` resolves when these connections have closed.
   */
  strand(): { release(): void; readonly ended: Promise<unknown> } {
    const gate = Promise.withResolvers<void>();
    const connections = [...this.#connections];
    for (const connection of connections) connection.stranded = gate.promise;
    const ended = Promise.all(connections.map(({ upstream }) => closed(upstream)));
    return { release: () => gate.resolve(), ended };
  }

  /** Resets every open connection (RST); new ones are accepted. */
  resetAll(): void {
    for (const { client, upstream } of this.#connections) reset(client, upstream);
  }

  /** The network is gone: open connections are reset, new ones refused until {@link heal}. */
  cut(): void {
    this.refuse = true;
    this.resetAll();
  }

  async close(): Promise<void> {
    this.release();
    this.resetAll();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(client: Socket): void {
    client.on('error', () => {});
    if (this.refuse) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ port: this.#upstreamPort, host: '127.0.0.1', allowHalfOpen: true });
    client.setNoDelay();
    upstream.setNoDelay();
    const connection: Connection = { client, upstream, bytes: 0 };
    this.#connections.add(connection);
    upstream.on('error', () => reset(client));
    upstream.on('close', () => client.destroy());
    client.on('close', () => {
      if (connection.stranded === undefined) upstream.destroy();
    });
    upstream.on('close', () => this.#connections.delete(connection));
    void this.#pump(connection, client, upstream, 'up');
    void this.#pump(connection, upstream, client, 'down');
  }

  async #pump(connection: Connection, from: Socket, to: Socket, direction: Direction): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        if (this.delayMs[direction] > 0) await delay(this.delayMs[direction]);
        if (this.bytesPerSecond[direction] !== Infinity) await delay((chunk.length / this.bytesPerSecond[direction]) * 1000);
        while (this.held[direction]) await new Promise<void>((resolve) => this.#wakers.add(resolve));
        if (direction === 'up') await connection.stranded;
        connection.bytes += chunk.length;
        if (connection.bytes > this.cutAfterBytes) {
          reset(from, to);
          return;
        }
        if (!to.write(chunk)) await drained(to);
      }
      // An end waits its turn behind what is held, as in a network: the other side learns of it when the bytes before it have arrived.
      while (this.held[direction]) await new Promise<void>((resolve) => this.#wakers.add(resolve));
      to.end();
    } catch {
      to.destroy();
    }
  }
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    if (socket.destroyed) resolve();
    else socket.on('drain', done).on('close', done);
  });
}

function reset(...sockets: readonly Socket[]): void {
  for (const socket of sockets) {
    // A socket whose end is being sent cannot be reset, and an attempt would leave it open for ever.
    if (socket.writableEnded) socket.destroy();
    else socket.resetAndDestroy();
  }
}
