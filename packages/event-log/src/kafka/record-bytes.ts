import type { ChunkPool } from './chunk-pool.ts';
import { varintBytes, writeVarint } from './varint.ts';

/** A record as it is encoded. */
export interface ProduceMessage {
  key: Buffer;
  value: Buffer;
  /** As `encodeHeaders` makes them. */
  headers: Buffer;
}

/** Before its place in the batch: attributes, and the delta of time, which is none. */
const ATTRIBUTES_AND_TIME = 2;

/**
 * Records as they stand in a batch of format 2, one behind another. They are written when they come, so that of thousands that
 * wait for the log there are some buffers, and not some objects each, which the collector would have to move.
 */
export class RecordBytes {
  count = 0;
  bytes = 0;
  readonly #pool: ChunkPool;
  readonly #full: { chunk: Buffer; end: number }[] = [];
  #chunk: Buffer | undefined;
  #at = 0;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  add({ key, value, headers }: ProduceMessage): void {
    const keyBytes = varintBytes(key.length) + key.length;
    const chunk = this.#begin(keyBytes + varintBytes(value.length) + value.length + headers.length);
    let at = writeVarint(chunk, key.length, this.#at);
    chunk.set(key, at);
    at = writeVarint(chunk, value.length, at + key.length);
    chunk.set(value, at);
    at += value.length;
    chunk.set(headers, at);
    this.#at = at + headers.length;
  }

  /** Adds what `records` gave out, of this batch or of another. */
  addAgain(record: Uint8Array): void {
    const chunk = this.#begin(record.length);
    chunk.set(record, this.#at);
    this.#at += record.length;
  }

  /** Writes what stands before the key of the next record, which takes so many bytes from there on. */
  #begin(bytes: number): Buffer {
    const body = ATTRIBUTES_AND_TIME + varintBytes(this.count) + bytes;
    const whole = varintBytes(body) + body;
    let chunk = this.#chunk;
    if (!chunk || this.#at + whole > chunk.length) {
      if (chunk) this.#full.push({ chunk, end: this.#at });
      chunk = this.#pool.take(whole, chunk?.length ?? 0);
      this.#chunk = chunk;
      this.#at = 0;
    }
    let at = writeVarint(chunk, body, this.#at);
    chunk[at++] = 0;
    chunk[at++] = 0;
    this.#at = writeVarint(chunk, this.count++, at);
    this.bytes += whole;
    return chunk;
  }

  /** The bytes, in their order. */
  parts(): Uint8Array[] {
    const parts: Uint8Array[] = this.#full.map(({ chunk, end }) => chunk.subarray(0, end));
    if (this.#chunk) parts.push(this.#chunk.subarray(0, this.#at));
    return parts;
  }

  /** Each record from its key on: what stands before that depends on its place in the batch. */
  *records(): Generator<Uint8Array> {
    for (const part of this.parts()) {
      for (let at = 0; at < part.length; ) {
        const body = readVarint(part, at);
        const end = body.at + body.value;
        yield part.subarray(readVarint(part, body.at + ATTRIBUTES_AND_TIME).at, end);
        at = end;
      }
    }
  }

  /** Nobody reads the bytes any more, this object included. */
  release(): void {
    for (const { chunk } of this.#full.splice(0)) this.#pool.give(chunk);
    if (this.#chunk) this.#pool.give(this.#chunk);
    this.#chunk = undefined;
  }
}

/** As `writeVarint` wrote it, and the place after it. */
function readVarint(bytes: Uint8Array, from: number): { value: number; at: number } {
  let value = 0;
  let at = from;
  for (let place = 1; ; place *= 128) {
    const byte = bytes[at++] as number;
    value += (byte & 0x7f) * place;
    if (byte < 0x80) return { value: value / 2, at };
  }
}
