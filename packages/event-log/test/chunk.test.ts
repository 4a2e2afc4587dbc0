import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { chunkKey, decodeChunk, encodeChunk, offsetOfKey, recordSize } from '../src/embedded/chunk.ts';
import type { NewRecord } from '../src/index.ts';

const records = fc.array(
  fc.record({
    key: fc.string({ unit: 'grapheme' }),
    value: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    headers: fc.option(
      fc.dictionary(
        fc.string({ minLength: 1 }).map((name) => `h${name}`),
        fc.string({ unit: 'grapheme' }),
      ),
      { nil: undefined },
    ),
  }),
  { minLength: 1, maxLength: 50 },
);

function encode(key: Buffer, list: readonly NewRecord[], timeMs = 1): Buffer {
  return encodeChunk(
    key,
    list,
    timeMs,
    list.reduce((sum, record) => sum + recordSize(record), 0),
  );
}

test('what is written into a chunk is read from it', () => {
  fc.assert(
    fc.property(records, fc.maxSafeNat(), fc.nat(), (list, base, timeMs) => {
      const key = chunkKey(7, 11, base);
      const chunk = decodeChunk(key, encode(key, list, timeMs));
      expect(chunk).toMatchObject({ baseOffset: base, nextOffset: base + list.length, timeMs });
      expect(
        chunk?.records.map(({ valueIn, valueStart, valueEnd, ...record }) => ({
          ...record,
          value: valueIn?.subarray(valueStart, valueEnd),
        })),
      ).toEqual(
        list.map((record, i) => ({
          offset: base + i,
          timeMs,
          key: Buffer.from(record.key),
          value: record.value,
          headers: Object.fromEntries(
            Object.entries(record.headers ?? {}).map(([name, value]) => [name, Buffer.from(value)]),
          ),
        })),
      );
    }),
  );
});

test('a chunk with any bit changed, cut short, or under another key is refused', () => {
  const key = chunkKey(1, 2, 3);
  const list = [{ key: 'session', value: Buffer.from('value'), headers: { name: 'text' } }];
  const chunk = encode(key, list);
  expect(decodeChunk(key, chunk)).toBeDefined();
  for (let bit = 0; bit < chunk.length * 8; bit++) {
    const damaged = Buffer.from(chunk);
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(decodeChunk(key, damaged)).toBeUndefined();
  }
  for (let length = 0; length < chunk.length; length++)
    expect(decodeChunk(key, chunk.subarray(0, length))).toBeUndefined();
  expect(decodeChunk(chunkKey(1, 2, 4), chunk)).toBeUndefined();
});

test('keys sort by topic, partition and offset, and give the offset back', () => {
  const offsets = [0, 1, 255, 256, 2 ** 32 - 1, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER];
  const keys = offsets.map((offset) => chunkKey(1, 1, offset));
  expect(keys.map(offsetOfKey)).toEqual(offsets);
  const sorted = [chunkKey(1, 0, Number.MAX_SAFE_INTEGER), ...keys, chunkKey(1, 2, 0), chunkKey(2, 0, 0)];
  expect([...sorted].sort(Buffer.compare)).toEqual(sorted);
});
