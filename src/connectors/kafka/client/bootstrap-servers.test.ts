import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBootstrapServers } from './bootstrap-servers.ts';

test('servers are read from text with commas, or from an array', () => {
  const expected = [
    { host: 'a.example', port: 9092 },
    { host: '10.0.0.1', port: 1 },
    { host: '::1', port: 65_535 },
  ];
  assert.deepEqual(parseBootstrapServers('a.example:9092, 10.0.0.1:1,[::1]:65535'), expected);
  assert.deepEqual(parseBootstrapServers(['a.example:9092', '10.0.0.1:1', '[::1]:65535']), expected);
});

for (const wrong of ['', 'a', 'a:', ':9092', 'a:0', 'a:65536', 'a:b', 'kafka://a:9092', 'a:1,', '::1:9092']) {
  test(`"${wrong}" is refused, and said to be wrong`, () => {
    assert.throws(() => parseBootstrapServers(wrong), { code: 'INVALID_OPTION', message: /bootstrapServers wants host:port/ });
  });
}

test('no server at all is refused', () => {
  assert.throws(() => parseBootstrapServers([]), { code: 'INVALID_OPTION', message: /names no broker/ });
});
