import type { NewRecord } from '../event-log.ts';
import { crc32cOf } from './crc32c.ts';
import type { RecordBytes } from './record-bytes.ts';
import { varintBytes, writeVarint } from './varint.ts';

/**
 * Kafka's record batch, format 2 (https://kafka.apache.org/documentation/#recordbatch): uncompressed, without a producer
 * id, as this adapter sends it. kafkajs writes the same through dozens of small buffers a record, which cost more than all
 * the rest of an append; see docs/adr/007-own-record-batch-encoder.md.
 */
export const BATCH_HEADER_BYTES = 61;
/** Where the fields of the header begin. The length counts from the epoch on, the checksum from the attributes on. */
const AT = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  firstTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  count: 57,
} as const;

const NO_HEADERS = Buffer.from([0]);

/** The headers of a record with their number before them, as they stand in it. */
export function encodeHeaders(headers: NewRecord['headers']): Buffer {
  let count = 0;
  let bytes = 0;
  for (const name in headers) {
    count++;
    bytes += textBytes(name) + textBytes(headers[name] as string);
  }
  if (count === 0) return NO_HEADERS;
  const encoded = Buffer.allocUnsafe(varintBytes(count) + bytes);
  let at = writeVarint(encoded, count, 0);
  for (const name in headers) {
    at = writeText(encoded, name, at);
    at = writeText(encoded, headers[name] as string, at);
  }
  return encoded;
}

/** Of a text with its length before it. */
function textBytes(text: string): number {
  const length = Buffer.byteLength(text);
  return varintBytes(length) + length;
}

function writeText(target: Buffer, text: string, at: number): number {
  const start = writeVarint(target, Buffer.byteLength(text), at);
  return start + target.write(text, start);
}

/**
 * Writes the header of a batch of at least one record, all of the same time, and answers with the place after it.
 * @param timeMs epoch ms; where the log's own time counts, the broker puts that in its place
 */
export function writeBatchHeader(
  target: Buffer,
  start: number,
  { records, parts, timeMs }: { records: RecordBytes; parts: readonly Uint8Array[]; timeMs: number },
): number {
  const end = start + BATCH_HEADER_BYTES;
  const time = BigInt(timeMs);
  target.writeBigInt64BE(0n, start + AT.baseOffset);
  target.writeInt32BE(BATCH_HEADER_BYTES - AT.leaderEpoch + records.bytes, start + AT.length);
  target.writeInt32BE(-1, start + AT.leaderEpoch);
  target[start + AT.magic] = 2;
  target.writeInt16BE(0, start + AT.attributes);
  target.writeInt32BE(records.count - 1, start + AT.lastOffsetDelta);
  target.writeBigInt64BE(time, start + AT.firstTimestamp);
  target.writeBigInt64BE(time, start + AT.maxTimestamp);
  target.writeBigInt64BE(-1n, start + AT.producerId);
  target.writeInt16BE(-1, start + AT.producerEpoch);
  target.writeInt32BE(-1, start + AT.baseSequence);
  target.writeInt32BE(records.count, start + AT.count);
  target.writeUInt32BE(crc32cOf([target.subarray(start + AT.attributes, end), ...parts]), start + AT.crc);
  return end;
}
