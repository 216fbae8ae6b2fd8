import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import avro from 'avsc';
import type { MessageDecodingFormat } from '../../../connector/index.ts';
import { jsonFormat } from '../../../formats/index.ts';
import { Types } from '../../../serialization/index.ts';
import { avroFormat, confluentAvroFormat, confluentFormat } from './index.ts';

async function decode<T>(format: MessageDecodingFormat<T>, messages: readonly Uint8Array[]) {
  const bytes = Uint8Array.from(messages.flatMap((message) => [...message]));
  const ends: number[] = [];
  for (const message of messages) ends.push((ends.at(-1) ?? 0) + message.length);
  const block = { bytes, starts: Int32Array.from([0, ...ends.slice(0, -1)]), ends: Int32Array.from(ends) };
  const malformed: string[] = [];
  const values: T[] = [];
  const decoder = format.createMessageDecoder({
    onMalformed: (index, column, message) => malformed.push(`${index}:${column} ${message}`),
  });
  let waits = 0;
  for (let at = 0; (at = decoder.decode(block, at, messages.length, values)) < messages.length; waits++) await decoder.ready?.();
  return { values, malformed, waits };
}

const order = {
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'lines', type: { type: 'array', items: { type: 'record', name: 'Line', fields: [{ name: 'n', type: 'long' }] } } },
    { name: 'note', type: ['null', 'string'], default: null },
  ],
} as const;
const orderType = avro.Type.forSchema(order as never);
const first = { id: 'é', lines: [{ n: 1 }, { n: 2 ** 40 }], note: null };
const second = { id: '', lines: [], note: 'x' };

const framed = (id: number, bytes: Uint8Array): Uint8Array => Buffer.concat([Buffer.from([0, 0, 0, id >> 8, id & 255]), bytes]);

test('an Avro message is a plain object of its schema, and a damaged one is reported with the next ones unharmed', async () => {
  const good = orderType.toBuffer(first);
  const messages = [
    good,
    good.subarray(0, good.length - 1),
    Buffer.concat([good, Buffer.from([7])]),
    Buffer.alloc(0),
    orderType.toBuffer(second),
  ];
  const { values, malformed } = await decode(avroFormat({ schema: order }), messages);
  assert.deepEqual(values, [first, second]);
  assert.equal(Object.getPrototypeOf(values[0]), Object.prototype);
  assert.equal(Object.getPrototypeOf(values[0]?.lines[0]), Object.prototype);
  assert.deepEqual(malformed, [
    '1:1 The message ends in the middle of its Avro value.',
    `2:${good.length + 1} 1 bytes follow the Avro value.`,
    '3:1 The message ends in the middle of its Avro value.',
  ]);
});

test('an Avro reader schema passes over what it lacks and fills in what is not there', async () => {
  const readerSchema = {
    type: 'record',
    name: 'Order',
    fields: [
      { name: 'note', type: ['null', 'string'] },
      { name: 'source', type: 'string', default: 'web' },
    ],
  };
  const { values } = await decode(avroFormat({ schema: JSON.stringify(order), readerSchema }), [orderType.toBuffer(second)]);
  assert.deepEqual(values, [{ note: 'x', source: 'web' }]);
});

test('an Avro schema that is none fails with a reason', async () => {
  await assert.rejects(decode(avroFormat({ schema: '{"type":"recrod"}' }), [Buffer.alloc(1)]), {
    code: 'INVALID_OPTION',
    message: /Not an Avro schema: .*recrod/,
  });
});

test("messages in Confluent's wire format are read behind their header, and those without one are malformed", async () => {
  const utf8 = new TextEncoder();
  const json = confluentFormat(jsonFormat({ schema: Types.OBJECT({ n: Types.INT }) }));
  const messages = [
    framed(1, utf8.encode('{"n":1}')),
    utf8.encode('{"n":2}'),
    framed(1, utf8.encode('{"n":x}')),
    framed(2, utf8.encode('{"n":4}')),
    Buffer.from([0, 1]),
  ];
  const { values, malformed } = await decode(json, messages);
  assert.deepEqual(values, [{ n: 1 }, { n: 4 }]);
  assert.deepEqual(
    malformed.map((text) => text.slice(0, 40)),
    [
      '1:1 The message begins with byte 123, an',
      '2:11 "x" stands where a value should be.',
      '4:1 The message has 2 bytes, too few for',
    ],
  );
});

describe('with a schema registry', () => {
  let url: string;
  let requests: string[] = [];
  let failures = 0;
  const answers: Record<string, object> = {
    '/schemas/ids/300': { schema: JSON.stringify(order) },
    '/schemas/ids/301': {
      schema: JSON.stringify({ type: 'record', name: 'Box', fields: [{ name: 'order', type: 'Order' }] }),
      references: [{ name: 'Order', subject: 'order', version: 3 }],
    },
    '/subjects/order/versions/3': { schema: JSON.stringify(order) },
    '/schemas/ids/302': { schemaType: 'PROTOBUF', schema: 'message X {}' },
  };
  const server = createServer((request, response) => {
    const path = request.url as string;
    requests.push(path);
    if (request.headers.authorization !== `Basic ${Buffer.from('me:secret').toString('base64')}`) response.statusCode = 401;
    else if (failures-- > 0) response.statusCode = 503;
    else if (answers[path] === undefined) response.statusCode = 404;
    response.end(JSON.stringify(response.statusCode === 200 ? answers[path] : { error_code: response.statusCode }));
  });
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close());
  const auth = { username: 'me', password: () => 'secret' };

  test('each schema is fetched once, when a message first names it', async () => {
    requests = [];
    failures = 1;
    const boxed = avro.Type.forSchema({ type: 'record', name: 'Box', fields: [{ name: 'order', type: order }] } as never);
    const messages = [
      framed(300, orderType.toBuffer(first)),
      framed(300, orderType.toBuffer(second)),
      framed(301, boxed.toBuffer({ order: second })),
      framed(300, orderType.toBuffer(first)),
    ];
    const format = confluentAvroFormat({ registry: { url, auth } });
    const { values, waits } = await decode(format, messages);
    assert.deepEqual(values, [first, second, { order: second }, first]);
    assert.equal(waits, 2);
    assert.deepEqual(requests, ['/schemas/ids/300', '/schemas/ids/300', '/schemas/ids/301', '/subjects/order/versions/3']);
    await decode(format, messages);
    assert.equal(requests.length, 4);
  });

  test('messages of schemas that are not there, or not Avro, are malformed', async () => {
    const { values, malformed } = await decode(confluentAvroFormat({ registry: { url, auth } }), [
      framed(7, Buffer.alloc(3)),
      framed(302, Buffer.alloc(3)),
      framed(300, orderType.toBuffer(first)),
    ]);
    assert.deepEqual(values, [first]);
    assert.deepEqual(malformed, [
      '0:2 The schema registry has no schema 7.',
      '1:2 Schema 302 is of the kind PROTOBUF, not AVRO.',
    ]);
  });

  test('a registry that refuses the credentials, or is not there, fails the source without naming them', async () => {
    const wrong = confluentAvroFormat({ registry: { url, auth: { username: 'me', password: () => 'wr0ng' } } });
    await assert.rejects(decode(wrong, [framed(300, Buffer.alloc(1))]), (error: Error) => {
      assert.match(error.message, /does not give \/schemas\/ids\/300: HTTP status 401/);
      return !error.message.includes('wr0ng');
    });
    const nowhere = confluentAvroFormat({ registry: { url: 'http://127.0.0.1:9', retryTimeoutMs: 1 } });
    await assert.rejects(decode(nowhere, [framed(300, Buffer.alloc(1))]), { code: 'SOURCE_FAILED', message: /does not give/ });
  });
});
