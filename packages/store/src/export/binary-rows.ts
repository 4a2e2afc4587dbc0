/** Before the first row: a signature, four bytes of flags, and the length of an extension that nobody has defined. */
const HEAD_BYTES = 19;
const HEX = 'hex';
/** timestamptz counts microseconds from 2000-01-01. */
const EPOCH_2000_MS = Date.UTC(2000, 0, 1);
const TWO_TO_32 = 2 ** 32;

/**
 * Reads PostgreSQL's binary format of COPY: `push` bytes, then `next` and the fields of the row one after the other, until
 * `next` is false; and so on. See "Binary Format" at https://www.postgresql.org/docs/current/sql-copy.html.
 */
export class BinaryRows {
  #bytes: Buffer = Buffer.alloc(0);
  #at = HEAD_BYTES;
  /** Where the next row begins. */
  #next = HEAD_BYTES;

  /** Takes the chunk over: it must not be changed. */
  push(chunk: Buffer): void {
    const rest = this.#bytes.length - this.#next;
    if (rest > 0) {
      this.#bytes = Buffer.concat([this.#bytes.subarray(this.#next), chunk]);
      this.#next = 0;
    } else {
      this.#bytes = chunk;
      this.#next = -rest; // what is passed over may reach into the chunk
    }
  }

  /** Goes to the next row; false where it is not there as a whole, or was the last. */
  next(): boolean {
    const bytes = this.#bytes;
    let at = this.#next;
    if (at + 2 > bytes.length) return false;
    const fields = bytes.readInt16BE(at);
    if (fields < 0) return false;
    this.#at = at + 2;
    at += 2;
    for (let field = 0; field < fields; field++) {
      if (at + 4 > bytes.length) return false;
      const length = bytes.readInt32BE(at);
      at += length > 0 ? 4 + length : 4;
    }
    if (at > bytes.length) return false;
    this.#next = at;
    return true;
  }

  /** The length of the next field; −1 for NULL. Stands at its first byte afterwards. */
  #length(): number {
    const length = this.#bytes.readInt32BE(this.#at);
    this.#at += 4;
    return length;
  }

  /** Of text and of json. */
  text(): string | null {
    const length = this.#length();
    if (length < 0) return null;
    const start = this.#at;
    this.#at += length;
    return this.#bytes.toString('utf8', start, this.#at);
  }

  uuid(): string | null {
    if (this.#length() < 0) return null;
    const hex = this.#bytes.toString(HEX, this.#at, this.#at + 16);
    this.#at += 16;
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  smallint(): number | null {
    if (this.#length() < 0) return null;
    const value = this.#bytes.readInt16BE(this.#at);
    this.#at += 2;
    return value;
  }

  integer(): number | null {
    if (this.#length() < 0) return null;
    const value = this.#bytes.readInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  double(): number | null {
    if (this.#length() < 0) return null;
    const value = this.#bytes.readDoubleBE(this.#at);
    this.#at += 8;
    return value;
  }

  /** Exact for safe integers. */
  bigint(): number | null {
    if (this.#length() < 0) return null;
    const value = this.#bytes.readInt32BE(this.#at) * TWO_TO_32 + this.#bytes.readUInt32BE(this.#at + 4);
    this.#at += 8;
    return value;
  }

  /** timestamptz, epoch ms, digits below cut off. */
  timestamp(): number | null {
    const micros = this.bigint();
    return micros === null ? null : Math.floor(micros / 1000) + EPOCH_2000_MS;
  }
}
