/**
 * Loopback ports for servers under test.
 *
 * Ports lie below 32768, where no system takes the port of an outgoing connection from: such a port could be lost between the
 * probe and the server's bind. None is handed out twice in a process, for servers that start at once would get the same one.
 */
import { createServer } from 'node:net';

const FIRST = 10_000;
const COUNT = 20_000;
const taken = new Set<number>();

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** A port of 127.0.0.1 on which nothing listens, and that this process is not given again. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (taken.has(port)) continue;
    taken.add(port);
    if (await isFree(port)) return port;
  }
}
