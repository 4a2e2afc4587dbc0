import { endianness } from 'node:os';

/** Castagnoli's polynomial, reflected. */
const POLYNOMIAL = 0x82f63b78;
const TABLES = 8;

/** For each of 8 places, what a byte there adds: 8 bytes are then taken at once. */
function makeTables(): Int32Array[] {
  const first = Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    return crc;
  });
  const tables = [first];
  for (let i = 1; i < TABLES; i++) {
    const before = tables[i - 1] as Int32Array;
    tables.push(before.map((crc) => (crc >>> 8) ^ (first[crc & 0xff] as number)));
  }
  return tables;
}

let tables: Int32Array[] | undefined;

/** The CRC-32C of the bytes from `start` to before `end`, as an unsigned number: Kafka's checksum of a record batch. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  return ~update(-1, bytes.subarray(start, end)) >>> 0;
}

/** The same of bytes that lie in several places, one after the other. */
export function crc32cOf(parts: readonly Uint8Array[]): number {
  let crc = -1;
  for (const part of parts) crc = update(crc, part);
  return ~crc >>> 0;
}

/** Eight bytes at a time, read as two words: three to four times as fast as a byte at a time. */
function update(before: number, bytes: Uint8Array): number {
  tables ??= makeTables();
  const end = bytes.length;
  let crc = before;
  let i = 0;
  if (end >= 16 && endianness() === 'LE') {
    while (i < end && (bytes.byteOffset + i) % 4 !== 0) i++;
    crc = ofBytes(crc, bytes, 0, i);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + i, Math.max(0, end - i) >>> 2);
    const pairs = words.length >>> 1;
    crc = ofWords(crc, words, pairs, tables);
    i += 8 * pairs;
  }
  return ofBytes(crc, bytes, i, end);
}

// Loops of their own: in one function with others, V8 gives the code up that it made for one, each time that it comes to the next.

function ofBytes(before: number, bytes: Uint8Array, start: number, end: number): number {
  const [table] = tables as [Int32Array];
  let crc = before;
  for (let i = start; i < end; i++) crc = (crc >>> 8) ^ (table[(crc ^ (bytes[i] as number)) & 0xff] as number);
  return crc;
}

function ofWords(before: number, words: Int32Array, pairs: number, of: Int32Array[]): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = of as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  let crc = before;
  for (let pair = 0; pair < pairs; pair++) {
    const a = (words[2 * pair] as number) ^ crc;
    const b = words[2 * pair + 1] as number;
    crc =
      (t7[a & 0xff] as number) ^
      (t6[(a >>> 8) & 0xff] as number) ^
      (t5[(a >>> 16) & 0xff] as number) ^
      (t4[a >>> 24] as number) ^
      (t3[b & 0xff] as number) ^
      (t2[(b >>> 8) & 0xff] as number) ^
      (t1[(b >>> 16) & 0xff] as number) ^
      (t0[b >>> 24] as number);
  }
  return crc;
}
