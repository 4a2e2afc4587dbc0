import { expect, test } from '@jest/globals';
import { CopyRows, FRAME_BYTES, frameRows, ROWS_AT } from '../src/load/copy-rows.ts';

/** Fields of a row; null is NULL. */
function encode(fields: readonly (string | null)[]): Buffer {
  const parts = fields.map((field) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(field === null ? -1 : Buffer.byteLength(field));
    return Buffer.concat([length, Buffer.from(field ?? '')]);
  });
  const count = Buffer.alloc(2);
  count.writeInt16BE(fields.length);
  return Buffer.concat([count, ...parts]);
}

const ROWS = [encode(['one', null, '']), encode([]), encode([null]), encode(['é'.repeat(300), 'x'])];

function framed(): Buffer {
  const rows = Buffer.concat(ROWS);
  const bytes = Buffer.alloc(rows.length + FRAME_BYTES);
  rows.copy(bytes, ROWS_AT);
  frameRows(bytes);
  return bytes;
}

test.each([{ size: 1 }, { size: 2 }, { size: 7 }, { size: 64 }, { size: 10_000 }])(
  'rows come out whole when the bytes come $size at a time',
  ({ size }) => {
    const reader = new CopyRows();
    const bytes = framed();
    const rows: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) rows.push(...reader.take(bytes.subarray(at, at + size)));
    reader.finish();
    expect(rows.map((row) => row.toString('hex'))).toEqual(ROWS.map((row) => row.toString('hex')));
  },
);

test('rows that were cut off are an error', () => {
  const reader = new CopyRows();
  reader.take(framed().subarray(0, -2));
  expect(() => reader.finish()).toThrow('in the middle');
});

test('another format is an error', () => {
  expect(() => new CopyRows().take(Buffer.from('one\ttwo\tthree\tfour\n'))).toThrow('binary format');
});
