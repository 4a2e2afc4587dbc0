import { crc32c } from './crc32c.ts';
import { decompress } from './decompress.ts';
import type { FetchedMessage } from './log-record.ts';

/** What a record's batch says of it, in kafkajs' names. */
export interface BatchContext {
  firstOffset: string;
  lastOffsetDelta: number;
  producerId: string;
  inTransaction: boolean;
}

/** A record, in the form that kafkajs hands on. */
export interface DecodedMessage extends FetchedMessage {
  isControlRecord: boolean;
  batchContext: BatchContext;
}

/** Of a batch's header, up to its records: places of the fields, as Kafka has them since 0.11. */
const AT = {
  firstOffset: 0,
  length: 8,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  firstTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  count: 57,
  records: 61,
} as const;
/** What `length` counts from. */
const AFTER_LENGTH = 12;
const MAGIC = 2;
const CODEC = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

const NO_HEADERS: FetchedMessage['headers'] = Object.freeze({});

/** Where the batch that begins at `start` ends; undefined if the answer was cut inside it. */
export function batchEnd(bytes: Buffer, start: number): number | undefined {
  if (bytes.length < start + AT.records) return undefined;
  const end = start + AFTER_LENGTH + bytes.readInt32BE(start + AT.length);
  if (end < start + AT.records) throw new Error(`a record batch of ${end - start} bytes`);
  return end > bytes.length ? undefined : end;
}

export const firstOffsetOf = (bytes: Buffer, start: number): number =>
  Number(bytes.readBigInt64BE(start + AT.firstOffset));

/**
 * Appends the records of one batch to `messages`. A last record that was compacted away, or all of them, is stood for by a
 * control record, which nobody is handed: so the reading gets past it.
 * @throws if the bytes are not what was written, or cannot be understood; `messages` is then as before
 */
export async function decodeRecordBatch(batch: Buffer, messages: DecodedMessage[]): Promise<void> {
  const magic = batch.readInt8(AT.magic);
  if (magic !== MAGIC) throw new Error(`record format ${magic} is not known`);
  if (crc32c(batch, AT.attributes) !== batch.readUInt32BE(AT.crc)) throw new Error('the checksum does not match');
  const attributes = batch.readInt16BE(AT.attributes);
  const firstOffset = firstOffsetOf(batch, 0);
  const lastOffsetDelta = batch.readInt32BE(AT.lastOffsetDelta);
  const batchContext: BatchContext = {
    firstOffset: String(firstOffset),
    lastOffsetDelta,
    producerId: String(batch.readBigInt64BE(AT.producerId)),
    inTransaction: (attributes & TRANSACTIONAL) !== 0,
  };
  const isControlRecord = (attributes & CONTROL) !== 0;
  const firstTimestamp = Number(batch.readBigInt64BE(AT.firstTimestamp));
  const appendTime = attributes & LOG_APPEND_TIME ? String(batch.readBigInt64BE(AT.maxTimestamp)) : undefined;
  const codec = attributes & CODEC;
  const packed = batch.subarray(AT.records);
  const reader = new RecordReader(codec === 0 ? packed : await decompress(codec, packed));

  const decoded: DecodedMessage[] = [];
  let last = -1;
  for (let left = batch.readInt32BE(AT.count); left > 0; left--) {
    const end = reader.varint() + reader.at;
    reader.at++; // attributes, of which none is used
    const timestampDelta = reader.varlong();
    last = reader.varint();
    decoded.push({
      offset: String(firstOffset + last),
      timestamp: appendTime ?? String(firstTimestamp + timestampDelta),
      key: reader.bytes(),
      value: reader.bytes(),
      headers: reader.headers(),
      isControlRecord,
      batchContext,
    });
    if (reader.at !== end) throw new Error(`record ${firstOffset + last} is not as long as it says`);
  }
  if (last !== lastOffsetDelta) {
    const offset = String(firstOffset + lastOffsetDelta);
    decoded.push({ offset, timestamp: '0', key: null, value: null, isControlRecord: true, batchContext });
  }
  for (const message of decoded) messages.push(message);
}

/** Reads a batch's records one field after the other; what is read past the end throws. */
class RecordReader {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new Error('a record goes beyond the end of its batch');
    return byte;
  }

  /** Of 32 bits, zigzag: the sign is the lowest. */
  varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
      if (shift === 28) throw new Error('a number in a record has no end');
    }
  }

  /** Of 64 bits; exact up to 2^53. */
  varlong(): number {
    let value = 0;
    for (let place = 1, length = 0; ; place *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * place;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      if (++length === 10) throw new Error('a number in a record has no end');
    }
  }

  bytes(): Buffer | null {
    const length = this.varint();
    if (length < 0) return null;
    const start = this.at;
    this.at += length;
    if (this.at > this.#bytes.length) throw new Error('a record goes beyond the end of its batch');
    return this.#bytes.subarray(start, this.at);
  }

  /** Of a name given several times, all values. */
  headers(): FetchedMessage['headers'] {
    const count = this.varint();
    if (count <= 0) return NO_HEADERS;
    const headers: Record<string, Buffer | (Buffer | string)[] | undefined> = Object.create(null);
    for (let i = 0; i < count; i++) {
      const name = String(this.bytes() ?? '');
      const value = this.bytes() ?? Buffer.alloc(0);
      const before = headers[name];
      headers[name] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
    }
    return headers;
  }
}
