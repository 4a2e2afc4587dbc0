import type { NewRecord } from '../event-log.ts';
import type { ProduceMessage } from './append-batch.ts';
import { crc32c } from './crc32c.ts';

/**
 * Kafka's record batch, format 2 (https://kafka.apache.org/documentation/#recordbatch): uncompressed, without a producer
 * id, as this adapter sends it. kafkajs writes the same through dozens of small buffers a record, which cost more than all
 * the rest of an append; see docs/adr/007-own-record-batch-encoder.md.
 */
const HEADER_BYTES = 61;
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

/** How many bytes a number takes as a varint (zigzag, seven bits a byte); from 0 to 2^30. */
function varintBytes(value: number): number {
  if (value < 0x40) return 1;
  if (value < 0x2000) return 2;
  if (value < 0x10_0000) return 3;
  return value < 0x800_0000 ? 4 : 5;
}

/** Writes a number from 0 to 2^30 as a varint, and answers with the place after it. */
function writeVarint(target: Buffer, value: number, at: number): number {
  let rest = value * 2;
  let i = at;
  while (rest > 0x7f) {
    target[i++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[i++] = rest;
  return i;
}

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

/** Of a record without the length before it: attributes and the delta of time are a byte each. */
function bodyBytes({ key, value, headers }: ProduceMessage, offsetDelta: number): number {
  return (
    2 +
    varintBytes(offsetDelta) +
    varintBytes(key.length) +
    key.length +
    varintBytes(value.length) +
    value.length +
    headers.length
  );
}

/** The bytes that a batch of these records will have. */
export function recordBatchBytes(messages: readonly ProduceMessage[]): number {
  let bytes = HEADER_BYTES;
  for (let i = 0; i < messages.length; i++) {
    const body = bodyBytes(messages[i] as ProduceMessage, i);
    bytes += varintBytes(body) + body;
  }
  return bytes;
}

/**
 * Writes a batch of at least one record, all of the same time, and answers with the place after it.
 * @param timeMs epoch ms; where the log's own time counts, the broker puts that in its place
 */
export function writeRecordBatch(
  target: Buffer,
  start: number,
  { messages, timeMs }: { messages: readonly ProduceMessage[]; timeMs: number },
): number {
  let at = start + HEADER_BYTES;
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i] as ProduceMessage;
    const { key, value, headers } = message;
    at = writeVarint(target, bodyBytes(message, i), at);
    target[at++] = 0; // attributes
    target[at++] = 0; // delta of time
    at = writeVarint(target, i, at);
    at = writeVarint(target, key.length, at);
    target.set(key, at);
    at = writeVarint(target, value.length, at + key.length);
    target.set(value, at);
    target.set(headers, at + value.length);
    at += value.length + headers.length;
  }
  const time = BigInt(timeMs);
  target.writeBigInt64BE(0n, start + AT.baseOffset);
  target.writeInt32BE(at - start - AT.leaderEpoch, start + AT.length);
  target.writeInt32BE(-1, start + AT.leaderEpoch);
  target[start + AT.magic] = 2;
  target.writeInt16BE(0, start + AT.attributes);
  target.writeInt32BE(messages.length - 1, start + AT.lastOffsetDelta);
  target.writeBigInt64BE(time, start + AT.firstTimestamp);
  target.writeBigInt64BE(time, start + AT.maxTimestamp);
  target.writeBigInt64BE(-1n, start + AT.producerId);
  target.writeInt16BE(-1, start + AT.producerEpoch);
  target.writeInt32BE(-1, start + AT.baseSequence);
  target.writeInt32BE(messages.length, start + AT.count);
  target.writeUInt32BE(crc32c(target, start + AT.attributes, at), start + AT.crc);
  return at;
}
