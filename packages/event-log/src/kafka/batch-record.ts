import type { LogRecord } from '../event-log.ts';

const NO_HEADERS: Readonly<Record<string, Buffer>> = Object.freeze({});

/** Where the parts of a record lie in the bytes of its batch; a length of -1 stands for none. The headers follow the value. */
export interface RecordPlace {
  offset: number;
  timeMs: number;
  keyEnd: number;
  keyLength: number;
  valueEnd: number;
  valueLength: number;
}

/** A record that is cut out of its batch only where it is asked for: most are never asked for their headers. */
export class BatchRecord implements LogRecord {
  readonly offset: number;
  readonly timeMs: number;
  readonly valueIn: Buffer;
  readonly valueEnd: number;
  readonly #keyEnd: number;
  readonly #keyLength: number;
  readonly #valueLength: number;

  constructor(bytes: Buffer, { offset, timeMs, keyEnd, keyLength, valueEnd, valueLength }: RecordPlace) {
    this.offset = offset;
    this.timeMs = timeMs;
    this.valueIn = bytes;
    this.#keyEnd = keyEnd;
    this.#keyLength = keyLength;
    this.valueEnd = valueEnd;
    this.#valueLength = valueLength;
  }

  get valueStart(): number {
    return this.valueEnd - Math.max(0, this.#valueLength);
  }

  get key(): Buffer | null {
    return this.#keyLength < 0 ? null : this.valueIn.subarray(this.#keyEnd - this.#keyLength, this.#keyEnd);
  }

  get value(): Buffer | null {
    return this.#valueLength < 0 ? null : this.valueIn.subarray(this.valueEnd - this.#valueLength, this.valueEnd);
  }

  /** Bytes of key and value. */
  get size(): number {
    return Math.max(0, this.#keyLength) + Math.max(0, this.#valueLength);
  }

  get headers(): Readonly<Record<string, Buffer>> {
    const reader = new VarintReader(this.valueIn, this.valueEnd);
    const count = reader.varint();
    if (count <= 0) return NO_HEADERS;
    const headers: Record<string, Buffer> = Object.create(null); // a header may be called `__proto__`
    for (let i = 0; i < count; i++) {
      const name = String(reader.bytes() ?? '');
      headers[name] = reader.bytes() ?? Buffer.alloc(0); // several of a name: the last
    }
    return headers;
  }
}

/** Reads a batch's records one field after the other; what is read past the end throws. */
export class VarintReader {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.at = at;
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

  /** Passes over a field, and returns its length, which stands before it: below 0 for none. */
  skip(): number {
    const length = this.varint();
    if (length > 0) this.at += length;
    if (this.at > this.#bytes.length) throw new Error('a record goes beyond the end of its batch');
    return length;
  }

  bytes(): Buffer | null {
    const length = this.skip();
    return length < 0 ? null : this.#bytes.subarray(this.at - length, this.at);
  }
}
