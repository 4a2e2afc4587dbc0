import { crc32 } from 'node:zlib';
import type { LogRecord, NewRecord } from '../event-log.ts';

/**
 * Records of one partition with adjacent offsets, as one entry of the file. All have the log's time of the commit that
 * wrote them. Little-endian: u32 version, u32 CRC-32 of the key and all that follows, u32 count, u32 size in bytes, f64
 * time (epoch ms); then each record: u32 and u32 sizes of key and value, u16 number of headers, key, value, and of each
 * header u16 and u32 sizes of name and value, name, value.
 */
export interface Chunk {
  baseOffset: number;
  nextOffset: number;
  timeMs: number;
  records: LogRecord[];
}

const VERSION = 1;
const CHUNK_HEADER = 24;
const RECORD_HEADER = 10;
const HEADER_HEADER = 6;

/** The key of a chunk: topic, partition and first offset, so that the order of keys is the order of reading. */
export function chunkKey(topicId: number, partition: number, offset: number): Buffer {
  const key = Buffer.allocUnsafe(16);
  key.writeUInt32BE(topicId, 0);
  key.writeUInt32BE(partition, 4);
  key.writeUInt32BE(Math.floor(offset / 2 ** 32), 8);
  key.writeUInt32BE(offset >>> 0, 12);
  return key;
}

/** The first offset of the chunk with this key. */
export function offsetOfKey(key: Uint8Array): number {
  const view = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  return view.readUInt32BE(8) * 2 ** 32 + view.readUInt32BE(12);
}

/** The time of an encoded chunk, from its head alone; NaN without one. */
export function timeOfChunk(chunk: Buffer | undefined): number {
  return chunk && chunk.length >= CHUNK_HEADER ? chunk.readDoubleLE(16) : Number.NaN;
}

/** Bytes of a record within a chunk. */
export function recordSize({ key, value, headers }: NewRecord): number {
  let size = RECORD_HEADER + Buffer.byteLength(key) + value.length;
  for (const name in headers) {
    size += HEADER_HEADER + Buffer.byteLength(name) + Buffer.byteLength(headers[name] as string);
  }
  return size;
}

/** @param bytes the sum of the records' `recordSize` */
export function encodeChunk(key: Buffer, records: readonly NewRecord[], timeMs: number, bytes: number): Buffer {
  const chunk = Buffer.allocUnsafeSlow(CHUNK_HEADER + bytes);
  chunk.writeUInt32LE(VERSION, 0);
  chunk.writeUInt32LE(records.length, 8);
  chunk.writeUInt32LE(chunk.length, 12);
  chunk.writeDoubleLE(timeMs, 16);
  let at = CHUNK_HEADER;
  for (const record of records) at = writeRecord(chunk, at, record);
  chunk.writeUInt32LE(checksum(key, chunk), 4);
  return chunk;
}

function writeRecord(chunk: Buffer, start: number, { key, value, headers }: NewRecord): number {
  let at = start + RECORD_HEADER;
  const keySize = chunk.write(key, at);
  at += keySize;
  chunk.set(value, at);
  at += value.length;
  let count = 0;
  for (const name in headers) {
    const nameSize = chunk.write(name, at + HEADER_HEADER);
    const valueSize = chunk.write(headers[name] as string, at + HEADER_HEADER + nameSize);
    chunk.writeUInt16LE(nameSize, at);
    chunk.writeUInt32LE(valueSize, at + 2);
    at += HEADER_HEADER + nameSize + valueSize;
    count++;
  }
  chunk.writeUInt32LE(keySize, start);
  chunk.writeUInt32LE(value.length, start + 4);
  chunk.writeUInt16LE(count, start + 8);
  return at;
}

const checksum = (key: Buffer, chunk: Buffer): number => crc32(chunk.subarray(8), crc32(key));

/** The chunk, or undefined if it is not as it was written. The records share the buffer's memory. */
export function decodeChunk(key: Buffer, chunk: Buffer): Chunk | undefined {
  if (chunk.length < CHUNK_HEADER || chunk.readUInt32LE(0) !== VERSION) return undefined;
  if (chunk.readUInt32LE(12) !== chunk.length || chunk.readUInt32LE(4) !== checksum(key, chunk)) return undefined;
  const baseOffset = offsetOfKey(key);
  const count = chunk.readUInt32LE(8);
  const timeMs = chunk.readDoubleLE(16);
  const records: LogRecord[] = [];
  let at = CHUNK_HEADER;
  for (let i = 0; i < count; i++) {
    const keyAt = at + RECORD_HEADER;
    const valueAt = keyAt + chunk.readUInt32LE(at);
    const end = valueAt + chunk.readUInt32LE(at + 4);
    const headerCount = chunk.readUInt16LE(at + 8);
    const headers: Record<string, Buffer> = {};
    at = end;
    for (let h = 0; h < headerCount; h++) {
      const nameAt = at + HEADER_HEADER;
      const headerAt = nameAt + chunk.readUInt16LE(at);
      at = headerAt + chunk.readUInt32LE(at + 2);
      headers[chunk.toString('utf8', nameAt, headerAt)] = chunk.subarray(headerAt, at);
    }
    records.push({
      offset: baseOffset + i,
      timeMs,
      key: chunk.subarray(keyAt, valueAt),
      value: chunk.subarray(valueAt, end),
      valueIn: chunk,
      valueStart: valueAt,
      valueEnd: end,
      headers,
    });
  }
  return { baseOffset, nextOffset: baseOffset + count, timeMs, records };
}
