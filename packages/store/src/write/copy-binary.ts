import { BinaryFields } from './binary-fields.ts';

/** Before the first row: the signature, no flags, no extension. */
const HEAD = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
/** In the place of a row's number of fields: no more rows. */
const END = -1;

/**
 * PostgreSQL's binary format of COPY, row by row, the fields in the order of the columns; `take` gives away what was
 * written so far. See "Binary Format" at https://www.postgresql.org/docs/current/sql-copy.html.
 */
export class BinaryCopyWriter extends BinaryFields {
  readonly #fields: number;

  /**
   * @param fields of each row
   * @param bytes to begin with; it grows
   * @param room bytes that are left as they are before all others
   */
  constructor(fields: number, bytes: number, room = 0) {
    super(Math.max(bytes, HEAD.length + room));
    this.#fields = fields;
    this.skip(room);
    this.raw(HEAD);
  }

  beginRow(): void {
    this.rawInt16(this.#fields);
  }

  end(): void {
    this.rawInt16(END);
  }
}
