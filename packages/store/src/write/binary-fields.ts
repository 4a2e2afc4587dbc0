/** PostgreSQL counts its microseconds from 2000-01-01. */
const EPOCH_MS = 946_684_800_000;
const TWO_TO_32 = 2 ** 32;
const NULL = -1;

/** Up to this length a loop over characters is quicker than a call into the runtime. */
const SHORT_TEXT = 48;
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

/**
 * Writes values in PostgreSQL's binary format, each after its length; undefined is NULL. It is the form of a field of COPY
 * and of an element of an array alike. See "Binary Format" at https://www.postgresql.org/docs/current/sql-copy.html.
 */
export class BinaryFields {
  #buffer: Buffer;
  /** Of the same bytes: its writes of whole numbers cost a tenth of those of a buffer. */
  #view: DataView;
  #at = 0;

  /** @param bytes to begin with; it grows */
  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafe(bytes);
    this.#view = viewOf(this.#buffer);
  }

  /** Bytes written so far and not taken. */
  get length(): number {
    return this.#at;
  }

  /** What was written since the last call; it is the caller's from then on. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#at);
    this.#buffer = EMPTY;
    this.#at = 0;
    return taken;
  }

  /** What was written since the last call; it is only lent: what is written next goes over it. */
  lend(): Buffer {
    const lent = this.#buffer.subarray(0, this.#at);
    this.#at = 0;
    return lent;
  }

  /** Leaves room for so many bytes. */
  skip(bytes: number): void {
    this.#reserve(bytes);
    this.#at += bytes;
  }

  /** As they are, without a length. */
  raw(bytes: Buffer): void {
    this.#reserve(bytes.length);
    this.#at += bytes.copy(this.#buffer, this.#at);
  }

  /** Without a length. */
  rawInt16(value: number): void {
    this.#reserve(2);
    this.#view.setInt16(this.#at, value);
    this.#at += 2;
  }

  /** Without a length. */
  rawInt32(value: number): void {
    this.#reserve(4);
    this.#view.setInt32(this.#at, value);
    this.#at += 4;
  }

  null(): void {
    this.rawInt32(NULL);
  }

  boolean(value: boolean): void {
    this.#field(1);
    this.#view.setUint8(this.#at++, value ? 1 : 0);
  }

  smallint(value: number | undefined): void {
    if (value === undefined) {
      this.null();
      return;
    }
    requireWithin(value, 2 ** 15);
    this.#field(2);
    this.#view.setInt16(this.#at, value);
    this.#at += 2;
  }

  integer(value: number | undefined): void {
    if (value === undefined) {
      this.null();
      return;
    }
    requireWithin(value, 2 ** 31);
    this.#field(4);
    this.#view.setInt32(this.#at, value);
    this.#at += 4;
  }

  /** A safe integer. */
  bigint(value: number | undefined): void {
    if (value === undefined) {
      this.null();
      return;
    }
    const hi = Math.floor(value / TWO_TO_32);
    this.#halves(hi, value - hi * TWO_TO_32);
  }

  int64(value: Int64 | undefined): void {
    if (value === undefined) this.null();
    else this.#halves(value.hi, value.lo);
  }

  /** Epoch ms, a whole number. */
  timestamptz(ms: number | undefined): void {
    if (ms === undefined) {
      this.null();
      return;
    }
    const micros = (ms - EPOCH_MS) * 1000;
    if (Number.isSafeInteger(micros)) {
      this.bigint(micros);
    } else {
      const exact = BigInt(ms - EPOCH_MS) * 1000n; // after 2285
      this.#halves(Number(exact >> 32n), Number(exact & 0xffffffffn));
    }
  }

  double(value: number | undefined): void {
    if (value === undefined) {
      this.null();
      return;
    }
    this.#field(8);
    this.#view.setFloat64(this.#at, value);
    this.#at += 8;
  }

  /** 36 characters, of either case. */
  uuid(value: string | undefined): void {
    if (value === undefined) {
      this.null();
      return;
    }
    this.#field(16);
    const buffer = this.#buffer;
    let at = this.#at;
    for (let i = 0; i < 36; i += 2) {
      if (i === 8 || i === 13 || i === 18 || i === 23) i++;
      const byte = ((HEX[value.charCodeAt(i)] ?? 255) << 4) | (HEX[value.charCodeAt(i + 1)] ?? 255);
      if (byte > 255) throw new TypeError(`Not a UUID: ${value}`);
      buffer[at++] = byte;
    }
    this.#at = at;
  }

  /** Also of json, whose binary form is its text. */
  text(value: string | undefined): void {
    if (value === undefined) {
      this.null();
      return;
    }
    const { length } = value;
    this.#reserve(4 + length * MAX_BYTES_OF_UNIT);
    const buffer = this.#buffer;
    const start = this.#at + 4;
    let end = start;
    if (length <= SHORT_TEXT) {
      for (let i = 0; i < length; i++) {
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
    this.#view.setInt32(this.#at, end - start);
    this.#at = end;
  }

  /** 16 bytes, in four numbers of 32 bits from a place on. */
  uuidOf(ints: Int32Array, at: number): void {
    this.#field(16);
    for (let i = 0; i < 4; i++) this.#view.setInt32(this.#at + 4 * i, ints[at + i] as number);
    this.#at += 16;
  }

  /** A text in UTF-8, of which nothing is checked; a length below 0 is NULL. */
  textOf(bytes: Uint8Array, start: number, length: number): void {
    if (length < 0) {
      this.null();
      return;
    }
    this.#field(length);
    this.#at = copyBytes(bytes, start, length, this.#buffer, this.#at);
  }

  #halves(hi: number, lo: number): void {
    this.#field(8);
    this.#view.setInt32(this.#at, hi);
    this.#view.setUint32(this.#at + 4, lo);
    this.#at += 8;
  }

  #field(bytes: number): void {
    this.#reserve(4 + bytes);
    this.#view.setInt32(this.#at, bytes);
    this.#at += 4;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes > this.#buffer.length) this.#grow(bytes);
  }

  #grow(bytes: number): void {
    const grown = Buffer.allocUnsafe(Math.max(this.#view.byteLength, this.#buffer.length * 2, this.#at + bytes));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
    this.#view = viewOf(grown);
  }
}

/** @returns the place behind them */
function copyBytes(from: Uint8Array, start: number, length: number, to: Buffer, at: number): number {
  if (length <= SHORT_TEXT) for (let i = 0; i < length; i++) to[at + i] = from[start + i] as number;
  else to.set(new Uint8Array(from.buffer, from.byteOffset + start, length), at);
  return at + length;
}

/** A view takes the low bits of whatever it is given: 2^32 + 1 would become 1, and a row another tenant's. */
function requireWithin(value: number, limit: number): void {
  if (!(value >= -limit && value < limit)) throw new RangeError(`${value} does not fit into its column`);
}

const EMPTY = Buffer.alloc(0);

const viewOf = ({ buffer, byteOffset, length }: Buffer): DataView => new DataView(buffer, byteOffset, length);
