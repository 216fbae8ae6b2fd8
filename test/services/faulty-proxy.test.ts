import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { FaultyProxy } from './faulty-proxy.ts';

describe('a faulty proxy', () => {
  let server: Server;
  let proxy: FaultyProxy;
  const open: Socket[] = [];

  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await FaultyProxy.listen((server.address() as AddressInfo).port);
  });
  afterEach(async () => {
    for (const socket of open.splice(0)) socket.destroy();
    await proxy.close();
    server.close();
  });

  async function client(): Promise<Socket> {
    const socket = connect(proxy.port, '127.0.0.1').on('error', () => {});
    open.push(socket);
    await once(socket, 'connect');
    return socket;
  }

  /** Sends `text` and resolves with what came back, once it is as long. */
  async function echo(socket: Socket, text: string): Promise<string> {
    let answer = '';
    socket.write(text);
    while (answer.length < text.length) answer += (await once(socket, 'data'))[0];
    return answer;
  }

  test('passes bytes on in both directions, and the end of a side too', async () => {
    const socket = await client();
    const long = 'ab'.repeat(500_000);
    assert.equal(await echo(socket, long), long);
    socket.end();
    await once(socket, 'end');
  });

  for (const direction of ['up', 'down'] as const) {
    test(`holds bytes on their way ${direction}, and goes on with them in order`, async () => {
      const socket = await client();
      assert.equal(await echo(socket, 'a'), 'a');
      proxy.hold(direction);
      const answer = echo(socket, 'bc');
      const early = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 50, 'held'))]);
      assert.equal(early, 'held');
      proxy.release();
      assert.equal(await answer, 'bc');
    });
  }

  test('delays and throttles', async () => {
    const socket = await client();
    proxy.delayMs.up = 60;
    proxy.bytesPerSecond.down = 1000;
    const start = performance.now();
    await echo(socket, 'x'.repeat(100));
    assert.ok(performance.now() - start >= 150, `${performance.now() - start} ms`);
  });

  test('resets connections, after a number of bytes or at once', async () => {
    const socket = await client();
    proxy.cutAfterBytes = 10;
    assert.equal(await echo(socket, '12345'), '12345');
    socket.write('6');
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNRESET');

    proxy.heal();
    const other = await client();
    assert.equal(await echo(other, 'ok'), 'ok');
    proxy.resetAll();
    const [reset] = (await once(other, 'error')) as [NodeJS.ErrnoException];
    assert.equal(reset.code, 'ECONNRESET');
  });

  test('refuses connections while it is cut, until it heals', async () => {
    proxy.cut();
    const refused = connect(proxy.port, '127.0.0.1').on('error', () => {});
    await new Promise((resolve) => refused.once('close', resolve));
    proxy.heal();
    assert.equal(await echo(await client(), 'back'), 'back');
  });

  test('strands what open connections send, until it reaches the server after their clients have gone', async () => {
    const received: string[] = [];
    const sink = createServer((socket) => socket.on('error', () => {}).on('data', (data) => received.push(String(data))));
    sink.listen(0, '127.0.0.1');
    await once(sink, 'listening');
    proxy.redirect((sink.address() as AddressInfo).port);
    const old = await client();
    old.write('a');
    while (received.length < 1) await new Promise(setImmediate);
    const stranded = proxy.strand();
    old.end('b');
    old.destroySoon();
    await once(old, 'close');
    (await client()).write('c');
    while (received.length < 2) await new Promise(setImmediate);
    stranded.release();
    await stranded.ended;
    assert.deepEqual(received, ['a', 'c', 'b']);
    sink.close();
  });

  test('sends new connections elsewhere when it is told so', async () => {
    const other = createServer((socket) => socket.on('error', () => {}).end('other'));
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    proxy.redirect((other.address() as AddressInfo).port);
    const [text] = await once(await client(), 'data');
    assert.equal(String(text), 'other');
    other.close();
  });
});
