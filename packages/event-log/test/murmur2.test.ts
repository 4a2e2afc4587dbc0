import { createRequire } from 'node:module';
import { expect, test } from '@jest/globals';
import { murmur2, partitionOf } from '../src/murmur2.ts';

// Kafka's own vectors, from UtilsTest.java of the client.
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('murmur2 of %s is that of the Java client', (text, hash) => {
  expect(murmur2(Buffer.from(text))).toBe(hash);
});

test('keys of all lengths and bytes go where kafkajs puts them', () => {
  const load = createRequire(import.meta.url);
  const reference = load('kafkajs/src/producer/partitioners/default/murmur2.js') as (key: Buffer) => number;
  let state = 1;
  for (let length = 0; length < 300; length++) {
    const key = Buffer.alloc(length);
    for (let i = 0; i < length; i++) {
      state = Math.imul(state, 1103515245) + 12345;
      key[i] = state >>> 16;
    }
    expect(murmur2(key)).toBe(reference(key));
    expect(partitionOf(key, 12)).toBe((reference(key) & 0x7fffffff) % 12);
  }
});
