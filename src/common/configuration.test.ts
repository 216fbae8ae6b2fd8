import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigOptions, Configuration, nearest } from './configuration.ts';

const PARALLELISM = ConfigOptions.int('parallelism.default', 1, '', 1);
const INTERVAL = ConfigOptions.duration('pipeline.auto-watermark-interval', 200, '');
const CHAINING = ConfigOptions.boolean('pipeline.operator-chaining.enabled', true, '');
const KNOWN = [PARALLELISM, INTERVAL, CHAINING];

const from = (input: Record<string, unknown>) => Configuration.from(input, KNOWN);

test('options that are not set have their default', () => {
  assert.equal(from({}).get(PARALLELISM), 1);
  assert.equal(from({}).has(PARALLELISM), false);
});

test('values are read from text and from their own type', () => {
  const c = from({
    'parallelism.default': '4',
    'pipeline.auto-watermark-interval': '2 s',
    'pipeline.operator-chaining.enabled': false,
  });
  assert.deepEqual([c.get(PARALLELISM), c.get(INTERVAL), c.get(CHAINING)], [4, 2000, false]);
  assert.equal(from({ 'pipeline.auto-watermark-interval': 50 }).get(INTERVAL), 50);
});

test('an unknown key is an error that names the nearest known one', () => {
  assert.throws(() => from({ 'paralellism.default': 2 }), {
    code: 'INVALID_OPTION',
    message: "Unknown configuration key 'paralellism.default'. Did you mean 'parallelism.default'?",
  });
  assert.throws(() => from({ 'something.else.entirely': 2 }), {
    message: "Unknown configuration key 'something.else.entirely'.",
  });
});

test('a key that lacks its first or last word is taken for the whole one, and not for another that is spelt alike', () => {
  const known = [
    ...KNOWN,
    ConfigOptions.boolean('pipeline.unaligned.enabled', true, ''),
    ConfigOptions.int('pipeline.interval', 1, ''),
  ];
  for (const [key, meant] of [
    ['pipeline.unaligned', 'pipeline.unaligned.enabled'],
    ['operator-chaining.enabled', 'pipeline.operator-chaining.enabled'],
  ] as const) {
    const message = `Unknown configuration key '${key}'. Did you mean '${meant}'?`;
    assert.throws(() => Configuration.from({ [key]: true }, known), { message });
  }
});

test('a value of the wrong type, a function among them, is an error that says what is expected', () => {
  for (const bad of ['two', 0, 1.5, null, () => 1, 1n, {}]) {
    assert.throws(() => from({ 'parallelism.default': bad }), {
      code: 'INVALID_OPTION',
      message: /expects a whole number, at least 1; got/,
    });
  }
  assert.throws(() => from({ 'pipeline.auto-watermark-interval': '5 parsecs' }), { message: /a duration like '200 ms'/ });
});

test('the nearest word is found only if it is near', () => {
  assert.equal(nearest('mpa', ['map', 'filter']), 'map');
  assert.equal(nearest('zzzzzz', ['map', 'filter']), undefined);
});
