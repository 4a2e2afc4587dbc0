/**
 * PostgreSQL's binary format of COPY: a head, then for each row the number of its fields and each field after its length,
 * at last a row of −1 fields. See "Binary Format" at https://www.postgresql.org/docs/current/sql-copy.html.
 */
const HEAD = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const END = Buffer.from([0xff, 0xff]);
const NULL = -1;

/** PostgreSQL counts its microseconds from 2000-01-01. */
const EPOCH_MS = 946_684_800_000;
const TWO_TO_32 = 2 ** 32;

/** Up to this length a loop over characters is quicker than a call into the runtime. */
const SHORT_TEXT = 40;
/** Of UTF-16 units, what one takes at most in UTF-8. */
const MAX_BYTES_OF_UNIT = 3;

/** A 64-bit number that does not fit into a double: its upper half signed, its lower half unsigned. */
export interface Int64 {
  hi: number;
  lo: number;
}

const HEX = new Uint8Array(128).fill(255);
for (let digit = 0; digit < 16; digit++) {
  HEX[digit.toString(16).charCodeAt(0)] = digit;
  HEX[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

/** Writes rows field by field, in the order of the columns; `take` gives away what was written so far. */
export class BinaryCopyWriter {
  #buffer: Buffer;
  #at = 0;
  readonly #fields: number;

  /**
   * @param fields of each row
   * @param bytes to begin with; it grows
   */
  constructor(fields: number, bytes: number) {
    this.#fields = fields;
    this.#buffer = Buffer.allocUnsafe(Math.max(bytes, HEAD.length));
    this.#at = HEAD.copy(this.#buffer);
  }

  get length(): number {
    return this.#at;
  }

  beginRow(): void {
    this.#reserve(2);
    this.#at = this.#buffer.writeInt16BE(this.#fields, this.#at);
  }

  end(): void {
    this.#reserve(2);
    this.#at += END.copy(this.#buffer, this.#at);
  }

  /** What was written since the last call; it is the caller's from then on. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#at);
    this.#buffer = Buffer.allocUnsafe(this.#buffer.length);
    this.#at = 0;
    return taken;
  }

  null(): void {
    this.#reserve(4);
    this.#at = this.#buffer.writeInt32BE(NULL, this.#at);
  }

  smallint(value: number | undefined): void {
    if (value === undefined) {
      this.null();
      return;
    }
    this.#field(2);
    this.#at = this.#buffer.writeInt16BE(value, this.#at);
  }

  integer(value: number | undefined): void {
    if (value === undefined) {
      this.null();
      return;
    }
    this.#field(4);
    this.#at = this.#buffer.writeInt32BE(value, this.#at);
  }

  /** A safe integer. */
  bigint(value: number | undefined): void {
    if (value === undefined) {
      this.null();
      return;
    }
    const hi = Math.floor(value / TWO_TO_32);
    this.int64({ hi, lo: value - hi * TWO_TO_32 });
  }

  int64(value: Int64 | undefined): void {
    if (value === undefined) {
      this.null();
      return;
    }
    this.#field(8);
    this.#at = this.#buffer.writeInt32BE(value.hi, this.#at);
    this.#at = this.#buffer.writeUInt32BE(value.lo, this.#at);
  }

  /** Epoch ms, a whole number. */
  timestamptz(ms: number): void {
    const micros = (ms - EPOCH_MS) * 1000;
    if (Number.isSafeInteger(micros)) {
      this.bigint(micros);
    } else {
      const exact = BigInt(ms - EPOCH_MS) * 1000n; // after 2285
      this.int64({ hi: Number(exact >> 32n), lo: Number(exact & 0xffffffffn) });
    }
  }

  double(value: number | undefined): void {
    if (value === undefined) {
      this.null();
      return;
    }
    this.#field(8);
    this.#at = this.#buffer.writeDoubleBE(value, this.#at);
  }

  /** 36 characters, of either case. */
  uuid(value: string): void {
    this.#field(16);
    const buffer = this.#buffer;
    for (let i = 0; i < 36; i += 2) {
      if (i === 8 || i === 13 || i === 18 || i === 23) i++;
      const byte = ((HEX[value.charCodeAt(i)] ?? 255) << 4) | (HEX[value.charCodeAt(i + 1)] ?? 255);
      if (byte > 255) throw new TypeError(`Not a UUID: ${value}`);
      buffer[this.#at++] = byte;
    }
  }

  /** Also of json, whose binary form is its text. */
  text(value: string | undefined): void {
    if (value === undefined) {
      this.null();
      return;
    }
    this.#reserve(4 + value.length * MAX_BYTES_OF_UNIT);
    const buffer = this.#buffer;
    const start = this.#at + 4;
    let end = start;
    if (value.length <= SHORT_TEXT) {
      for (let i = 0; i < value.length; i++) {
        const unit = value.charCodeAt(i);
        if (unit > 127) {
          end = start + buffer.write(value, start);
          break;
        }
        buffer[end++] = unit;
      }
    } else {
      end = start + buffer.write(value, start);
    }
    buffer.writeInt32BE(end - start, this.#at);
    this.#at = end;
  }

  #field(bytes: number): void {
    this.#reserve(4 + bytes);
    this.#at = this.#buffer.writeInt32BE(bytes, this.#at);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
  }
}
