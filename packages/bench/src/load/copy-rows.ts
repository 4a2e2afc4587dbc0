const HEAD = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const END = Buffer.from([0xff, 0xff]);
const END_FIELDS = -1;

/**
 * Cuts what `COPY … TO STDOUT (FORMAT binary)` sends into rows, which can then be sent back in other portions. See
 * "Binary Format" at https://www.postgresql.org/docs/current/sql-copy.html.
 */
export class CopyRows {
  #held: Buffer = Buffer.alloc(0);
  #inRows = false;
  #ended = false;

  /** The rows that are whole now; their bytes stay as they are. */
  take(chunk: Buffer): Buffer[] {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const rows: Buffer[] = [];
    let at = 0;
    if (!this.#inRows) {
      if (bytes.length < HEAD.length) return this.#hold(bytes, rows);
      if (!bytes.subarray(0, HEAD.length).equals(HEAD)) throw new Error('This is not the binary format of COPY');
      at = HEAD.length;
      this.#inRows = true;
    }
    for (let end = rowEnd(bytes, at); end !== undefined; end = rowEnd(bytes, at)) {
      if (end === at) {
        this.#ended = true;
        break;
      }
      rows.push(bytes.subarray(at, end));
      at = end;
    }
    return this.#hold(bytes.subarray(at), rows);
  }

  /** @throws where the last row was cut off */
  finish(): void {
    if (!this.#ended) throw new Error('The rows ended in the middle');
  }

  #hold(rest: Buffer, rows: Buffer[]): Buffer[] {
    this.#held = rest;
    return rows;
  }
}

/** Where the row at a place ends; the place itself where no row follows; undefined where not all of it is there. */
function rowEnd(bytes: Buffer, start: number): number | undefined {
  if (start + 2 > bytes.length) return undefined;
  const fields = bytes.readInt16BE(start);
  if (fields === END_FIELDS) return start;
  let at = start + 2;
  for (let field = 0; field < fields; field++) {
    if (at + 4 > bytes.length) return undefined;
    at += 4 + Math.max(0, bytes.readInt32BE(at));
  }
  return at <= bytes.length ? at : undefined;
}

/** So many bytes stand around rows when they are sent, and so many of them before. */
export const FRAME_BYTES = HEAD.length + END.length;
export const ROWS_AT = HEAD.length;

/** Puts the head and the end around rows, for which room was left. */
export function frameRows(bytes: Buffer): void {
  HEAD.copy(bytes);
  END.copy(bytes, bytes.length - END.length);
}
