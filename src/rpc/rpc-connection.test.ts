import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MessageChannel, Worker } from 'node:worker_threads';
import { MillraceError, seededRandom } from '../common/index.ts';
import { createMemoryTransports, type GatewayType, type MessageTransport, portTransport, RpcConnection } from './index.ts';

interface Desk {
  add(a: number, b: number): Promise<number>;
  echo(value: unknown): Promise<unknown>;
  fail(error: 'own' | 'foreign'): Promise<void>;
  never(): Promise<void>;
  note(text: string): void;
}

const DESK: GatewayType<Desk> = {
  name: 'Desk',
  methods: { add: 'request', echo: 'request', fail: 'request', never: 'request', note: 'notice' },
};

function desk(notes: string[]): Desk {
  return {
    add: async (a, b) => a + b,
    echo: async (value) => value,
    fail: async (which) => {
      if (which === 'own') throw new MillraceError('STATE_FAILED', 'no state', { context: { key: 7 }, recoverable: false });
      throw new RangeError('too far', { cause: new Error('the road') });
    },
    never: () => new Promise(() => {}),
    note: (text) => {
      if (text === 'bad') throw new Error('a bad note');
      notes.push(text);
    },
  };
}

function delayedTransports(): readonly [MessageTransport, MessageTransport] {
  const random = seededRandom(5);
  return createMemoryTransports((deliver) => {
    let turns = Math.floor(random.next() * 4);
    const step = (): void => void (turns-- > 0 ? queueMicrotask(step) : deliver());
    step();
  });
}

function portTransports(): readonly [MessageTransport, MessageTransport] {
  const { port1, port2 } = new MessageChannel();
  return [portTransport(port1), portTransport(port2)];
}

for (const [name, transports] of [
  ['memory', createMemoryTransports],
  ['memory with delays', delayedTransports],
  ['message ports', portTransports],
] as const) {
  describe(`gateways over ${name}`, () => {
    const connect = (notes: string[] = [], failedNotes: Error[] = []) => {
      const [near, far] = transports();
      const client = new RpcConnection(near, { peer: 'the desk' });
      const server = new RpcConnection(far, { peer: 'the client', onNoticeFailed: (error) => failedNotes.push(error) });
      server.serve(DESK, desk(notes));
      return { client, server, gateway: client.gateway(DESK), near, far };
    };

    test('a request is answered with what the method returns', async () => {
      const { gateway, client } = connect();
      assert.equal(await gateway.add(2, 3), 5);
      client.close();
    });

    test('values keep what is special about them', async () => {
      const { gateway, client } = connect();
      const value = { zero: -0, big: 10n, bytes: new Uint8Array([1, 2]), map: new Map([[Number.NaN, undefined]]) };
      assert.deepEqual(await gateway.echo(value), value);
      client.close();
    });

    test('failures keep code, context, recoverability and cause', async () => {
      const { gateway, client } = connect();
      await assert.rejects(gateway.fail('own'), (error: MillraceError) => {
        assert.ok(error instanceof MillraceError);
        assert.deepEqual(
          [error.code, error.message, error.context.key, error.recoverable],
          ['STATE_FAILED', 'no state', 7, false],
        );
        return true;
      });
      await assert.rejects(gateway.fail('foreign'), (error: Error) => {
        assert.deepEqual([error.name, error.message, (error.cause as Error).message], ['RangeError', 'too far', 'the road']);
        return true;
      });
      client.close();
    });

    test('requests and notices arrive in the order of the calls', async () => {
      const notes: string[] = [];
      const { gateway, client } = connect(notes);
      const sums: Promise<number>[] = [];
      for (let i = 0; i < 200; i++) {
        gateway.note(String(i));
        sums.push(gateway.add(i, notes.length));
      }
      await Promise.all(sums);
      assert.deepEqual(
        notes,
        Array.from({ length: 200 }, (_, i) => String(i)),
      );
      client.close();
    });

    test('what is unanswered when a connection ends fails, on both sides, and so does every later request', async () => {
      const { gateway, client, server } = connect();
      const unanswered = gateway.never();
      await gateway.add(1, 1);
      server.close();
      await assert.rejects(unanswered, { code: 'CONNECTION_LOST', message: 'The connection to the desk has ended.' });
      await assert.rejects(gateway.add(1, 1), { code: 'CONNECTION_LOST' });
      gateway.note('into the void');
      assert.equal(((await client.closed) as MillraceError).code, 'CONNECTION_LOST');
    });

    test('what cannot be copied is refused by the one who sends it', async () => {
      const { gateway, client } = connect();
      await assert.rejects(
        gateway.echo(() => 1),
        { code: 'NOT_SERIALIZABLE' },
      );
      assert.equal(await gateway.add(1, 1), 2);
      client.close();
    });

    test('an answer that cannot be copied fails the request', async () => {
      const { client, server } = connect();
      server.serve(DESK, { ...desk([]), echo: async () => () => 1 });
      await assert.rejects(client.gateway(DESK).echo(1), { code: 'NOT_SERIALIZABLE' });
      client.close();
    });

    test('a failing notice is told to the end that received it', async () => {
      const failed: Error[] = [];
      const { gateway, client } = connect([], failed);
      gateway.note('bad');
      await gateway.add(1, 1);
      assert.deepEqual(
        failed.map((error) => error.message),
        ['a bad note'],
      );
      client.close();
    });

    test('methods that the table does not name cannot be called', async () => {
      const { client, server } = connect();
      const wider = { name: 'Desk', methods: { constructor: 'request', note: 'request' } } as unknown as GatewayType<{
        constructor(): Promise<void>;
        note(): Promise<void>;
      }>;
      await assert.rejects(client.gateway(wider).constructor(), { code: 'INTERNAL' });
      await assert.rejects(client.gateway(wider).note(), { code: 'INTERNAL' });
      server.close();
      await client.closed;
    });

    test('a message without the form of one ends the connection', async () => {
      const { near, server } = connect();
      near.send({ type: 'request', id: 'one' });
      assert.equal(((await server.closed) as MillraceError).code, 'CORRUPT_DATA');
    });
  });
}

test('the end of a thread ends its connection', async () => {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker('setTimeout(() => process.exit(), 20)', { eval: true, workerData: port2, transferList: [port2] });
  const connection = new RpcConnection(portTransport(port1), { peer: 'the thread' });
  await assert.rejects(connection.gateway(DESK).add(1, 2), { code: 'CONNECTION_LOST' });
  await worker.terminate();
});
