import { BatchRecord, VarintReader } from './batch-record.ts';
import { crc32c } from './crc32c.ts';
import { decompress } from './decompress.ts';

/** One record batch of the log. */
export interface DecodedBatch {
  /** Of its last record, also where that was compacted away. */
  lastOffset: number;
  producerId: string;
  inTransaction: boolean;
  /** Its one record is a mark of Kafka's: that a transaction was committed or aborted. */
  isControl: boolean;
  records: BatchRecord[];
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

/** Where the batch that begins at `start` ends; undefined if the answer was cut inside it. */
export function batchEnd(bytes: Buffer, start: number): number | undefined {
  if (bytes.length < start + AT.records) return undefined;
  const end = start + AFTER_LENGTH + bytes.readInt32BE(start + AT.length);
  if (end < start + AT.records) throw new Error(`a record batch of ${end - start} bytes`);
  return end > bytes.length ? undefined : end;
}

export const firstOffsetOf = (bytes: Buffer, start: number): number =>
  Number(bytes.readBigInt64BE(start + AT.firstOffset));

/** @throws if the bytes are not what was written, or cannot be understood */
export async function decodeRecordBatch(batch: Buffer): Promise<DecodedBatch> {
  const magic = batch.readInt8(AT.magic);
  if (magic !== MAGIC) throw new Error(`record format ${magic} is not known`);
  if (crc32c(batch, AT.attributes) !== batch.readUInt32BE(AT.crc)) throw new Error('the checksum does not match');
  const attributes = batch.readInt16BE(AT.attributes);
  const firstOffset = firstOffsetOf(batch, 0);
  const firstMs = Number(batch.readBigInt64BE(AT.firstTimestamp));
  const appendMs = attributes & LOG_APPEND_TIME ? Number(batch.readBigInt64BE(AT.maxTimestamp)) : undefined;
  const codec = attributes & CODEC;
  const packed = batch.subarray(AT.records);
  const bytes = codec === 0 ? packed : await decompress(codec, packed);
  const reader = new VarintReader(bytes);

  const records: BatchRecord[] = [];
  for (let left = batch.readInt32BE(AT.count); left > 0; left--) {
    const end = reader.varint() + reader.at;
    reader.at++; // attributes, of which none is used
    const timestampDelta = reader.varlong();
    const offset = firstOffset + reader.varint();
    const keyLength = reader.skip();
    const keyEnd = reader.at;
    const valueLength = reader.skip();
    const valueEnd = reader.at;
    for (let headers = 2 * reader.varint(); headers > 0; headers--) reader.skip();
    const timeMs = appendMs ?? firstMs + timestampDelta;
    records.push(new BatchRecord(bytes, { offset, timeMs, keyEnd, keyLength, valueEnd, valueLength }));
    if (reader.at !== end) throw new Error(`record ${offset} is not as long as it says`);
  }
  return {
    lastOffset: firstOffset + batch.readInt32BE(AT.lastOffsetDelta),
    producerId: String(batch.readBigInt64BE(AT.producerId)),
    inTransaction: (attributes & TRANSACTIONAL) !== 0,
    isControl: (attributes & CONTROL) !== 0,
    records,
  };
}
