import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { test } from 'node:test';
import { MillraceError } from '../../common/index.ts';
import { type EncodingFormat, SinkDriver, SourceDriver } from '../../connector/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { SocketSink } from './socket-sink.ts';
import { SocketSource, type SocketSourceOptions } from './socket-source.ts';

const HOST = '127.0.0.1';

async function withServer(body: (server: Server, port: number) => Promise<void>): Promise<void> {
  const server = createServer().listen(0, HOST);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await once(server, 'listening');
  try {
    await body(server, (server.address() as { port: number }).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

/** Gives all that moves by itself its turns of the event loop: more than 60 MB in pieces of 64 KiB need. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A port on which nobody listens. */
async function freePort(): Promise<number> {
  let port = 0;
  await withServer(async (server, taken) => {
    port = taken;
    server.close();
    await once(server, 'close');
  });
  return port;
}

async function nextConnection(server: Server): Promise<Socket> {
  const [socket] = (await once(server, 'connection')) as [Socket];
  return socket;
}

function source(port: number, options: SocketSourceOptions = {}): SocketSource {
  return new SocketSource(HOST, port, { reconnectDelayMs: 1000, ...options });
}

const lines: EncodingFormat<string> = {
  name: 'lines',
  createEncoder: () => (value, sink) => {
    sink.writeString(value);
    sink.writeString('\n');
  },
};

test('lines arrive, whole, and the source ends with the connection', async () => {
  await withServer(async (server, port) => {
    server.once('connection', (socket) => {
      socket.write('one\r\ntw');
      setImmediate(() => socket.end(Buffer.from('o\n\nfünf').subarray(0)));
    });
    const driver = new SourceDriver(source(port));
    await driver.start();
    assert.deepEqual(await driver.readAll(2), ['one', 'two', '', 'fünf']);
    assert.equal(driver.poll(1).status, 'END_OF_INPUT');
    await driver.close();
  });
});

test('records may end with any delimiter', async () => {
  await withServer(async (server, port) => {
    server.once('connection', (socket) => socket.end('a||b|c\n||'));
    const driver = new SourceDriver(source(port, { delimiter: '||' }));
    await driver.start();
    assert.deepEqual(await driver.readAll(), ['a', 'b|c\n']);
    await driver.close();
  });
});

test('only one of several readers has the connection, the others end', async () => {
  await withServer(async (server, port) => {
    server.on('connection', (socket) => socket.end('a\nb'));
    const driver = new SourceDriver(source(port), { parallelism: 3 });
    await driver.start();
    assert.deepEqual(await driver.readAll(), ['a', 'b']);
    await driver.close();
  });
});

test('the source connects again as often as it may, and drops half a record of a broken connection', async () => {
  await withServer(async (server, port) => {
    const clock = new VirtualClock();
    let connections = 0;
    server.on('connection', (socket) => {
      connections++;
      if (connections === 2) socket.write('2a\n2b', () => setImmediate(() => socket.resetAndDestroy()));
      else socket.end(`${connections}a\n${connections}b`);
    });
    const driver = new SourceDriver(source(port, { maxRetries: 2 }), {
      clock,
      onIdle: () => clock.advanceByAsync(1000),
    });
    await driver.start();
    const values = await driver.readAll();
    assert.deepEqual(
      values.filter((value) => !value.startsWith('2')),
      ['1a', '1b', '3a', '3b'],
    );
    assert.ok(!values.includes('2b'));
    assert.equal(connections, 3);
    await driver.close();
  });
});

test('a peer that cannot be reached is an error with its address, after all retries', async () => {
  const port = await freePort();
  const clock = new VirtualClock();
  const driver = new SourceDriver(source(port, { maxRetries: 2 }), { clock, onIdle: () => clock.advanceByAsync(1000) });
  await driver.start();
  await assert.rejects(driver.readAll(), (error) => {
    assert.ok(error instanceof MillraceError && error.code === 'SOURCE_FAILED');
    assert.match(error.message, new RegExp(`Cannot connect to ${HOST}:${port}: .*ECONNREFUSED`));
    return true;
  });
  assert.ok(clock.currentTimeMs() >= 2000);
  await driver.close();
});

test('a peer that sends faster than the source reads is held back', async () => {
  await withServer(async (server, port) => {
    const driver = new SourceDriver(source(port));
    await driver.start();
    const socket = await nextConnection(server);
    const line = `${'x'.repeat(999)}\n`;
    const total = 60_000;
    for (let i = 0; i < total; i++) socket.write(line);
    socket.end();
    await turns(3000);
    const taken = total * line.length - socket.writableLength;
    // What both systems buffer, and the source's own bound.
    assert.ok(taken < (total * line.length) / 2, `${taken} bytes were taken without a poll`);
    let count = 0;
    await driver.run(1000, (batch) => {
      count += batch.values.length;
    });
    assert.equal(count, total);
    await driver.close();
  });
});

test('a record without an end is refused at the bound', async () => {
  await withServer(async (server, port) => {
    server.once('connection', (socket) => socket.write('x'.repeat(5000)));
    const driver = new SourceDriver(source(port, { maxRecordBytes: 4000 }));
    await driver.start();
    await assert.rejects(driver.readAll(), /maxRecordBytes is 4000/);
    await driver.close();
  });
});

test('a long record under the bound passes, although it is more than may wait', async () => {
  await withServer(async (server, port) => {
    const long = 'y'.repeat(3_000_000);
    server.once('connection', (socket) => socket.end(`${long}\nshort\n`));
    const driver = new SourceDriver(source(port));
    await driver.start();
    assert.deepEqual(await driver.readAll(), [long, 'short']);
    await driver.close();
  });
});

test('closing the source ends the wait for the peer', async () => {
  await withServer(async (server, port) => {
    const driver = new SourceDriver(source(port));
    await driver.start();
    const socket = await nextConnection(server);
    const available = driver.readers[0]?.isAvailable();
    await driver.close();
    await available;
    await once(socket.resume(), 'close');
  });
});

test('the sink writes what it is given, in order', async () => {
  await withServer(async (server, port) => {
    const received = nextConnection(server).then((socket) => readText(socket));
    const values = Array.from({ length: 20_000 }, (_, i) => `record ${i}`);
    const driver = new SinkDriver(new SocketSink(HOST, port, lines));
    await driver.runAll(values);
    assert.equal(driver.counters.get('numBytesOut'), values.join('\n').length + 1);
    assert.equal(await received, `${values.join('\n')}\n`);
  });
});

test('the sink sends a record soon after it was written', async () => {
  await withServer(async (server, port) => {
    const clock = new VirtualClock();
    const connection = nextConnection(server);
    const driver = new SinkDriver(new SocketSink(HOST, port, lines), { clock });
    await driver.start();
    const socket = await connection;
    await driver.write(['hello']);
    clock.advanceBy(10);
    const [data] = (await once(socket, 'data')) as [Buffer];
    assert.equal(data.toString(), 'hello\n');
    await driver.close();
  });
});

test('the sink holds back its input while the peer does not read', async () => {
  await withServer(async (server, port) => {
    const connection = nextConnection(server);
    const driver = new SinkDriver(new SocketSink(HOST, port, lines));
    await driver.start();
    const socket = (await connection).pause();
    const record = 'x'.repeat(999);
    const total = 60_000;
    let written = 0;
    const writing = (async () => {
      for (; written < total; written++) await driver.write([record]);
      await driver.prepareCommit();
    })();
    await turns(3000);
    assert.ok(written < total / 2, `${written} records were taken`);
    let bytes = 0;
    socket.on('data', (data) => {
      bytes += data.length;
    });
    socket.resume();
    await writing;
    await driver.close();
    if (!socket.destroyed) await once(socket, 'close');
    assert.equal(bytes, total * 1000);
  });
});

test('a flush waits for all that was written, also for what the end of another buffer sent', async () => {
  await withServer(async (server, port) => {
    const received = nextConnection(server).then((socket) => readText(socket));
    const driver = new SinkDriver(new SocketSink(HOST, port, lines));
    await driver.start();
    const record = 'x'.repeat(99_999);
    await driver.write([record, record]);
    await driver.prepareCommit(false);
    assert.equal(driver.counters.get('numBytesOut'), 200_000);
    await driver.close();
    assert.equal((await received).length, 200_000);
  });
});

test('the sink connects again when the connection breaks, and fails when it may not', async () => {
  await withServer(async (server, port) => {
    const clock = new VirtualClock();
    const first = nextConnection(server);
    const driver = new SinkDriver(new SocketSink(HOST, port, lines, { maxRetries: 1, reconnectDelayMs: 0 }), { clock });
    await driver.start();
    (await first).destroy();
    const second = nextConnection(server);
    let connected = false;
    const attempts = (async () => {
      // The first records may be lost with the connection, which is noticed only when the peer's end arrives.
      for (let i = 0; ; i++) {
        await driver.write([`record ${i}`]);
        const flushed = driver.prepareCommit();
        await clock.advanceByAsync(1);
        await flushed;
        if (connected) return;
      }
    })();
    const socket = await second;
    connected = true;
    await attempts;
    const [data] = (await once(socket, 'data')) as [Buffer];
    assert.match(data.toString(), /^record \d+\n/);
    await driver.close();
  });
  const driver = new SinkDriver(new SocketSink(HOST, await freePort(), lines));
  await assert.rejects(
    driver.start(),
    (error) => error instanceof MillraceError && /Cannot write to .*ECONNREFUSED/.test(error.message),
  );
});

test('options that make no sense are refused', () => {
  for (const wrong of [
    () => source(1, { delimiter: '' }),
    () => source(1, { maxRetries: -2 }),
    () => source(1, { reconnectDelayMs: -1 }),
    () => new SocketSink(HOST, 1, lines, { maxRetries: 0.5 }),
  ]) {
    assert.throws(wrong, (error) => error instanceof MillraceError && error.code === 'INVALID_OPTION');
  }
});
