import { BinaryFields, type Int64 } from './binary-fields.ts';
import type { ByteInterner } from './byte-interner.ts';
import { INT, INTS } from './event-columns.ts';
import type { EventTable } from './event-table.ts';

/** From pg_type.dat: numbers that never change. */
const OID = {
  boolean: 16,
  bigint: 20,
  smallint: 21,
  integer: 23,
  text: 25,
  double: 701,
  timestamptz: 1184,
  uuid: 2950,
};
/** The dimensions, whether there are NULLs, the type of the elements; of the dimension its length and its first index. */
const HEAD_BYTES = 20;
const MEAN_BYTES = 16;

type Write<T> = (to: BinaryFields, value: T) => void;

/**
 * Arrays of one dimension in PostgreSQL's binary format, as parameters of a statement: no text is made, quoted and read
 * for each element. An element undefined is NULL.
 */
function arrayOf<T>(oid: number, write: Write<T>): (values: readonly T[]) => Buffer {
  return (values) => {
    const to = beginArray(oid, values.length);
    for (const value of values) write(to, value);
    return to.take();
  };
}

function beginArray(oid: number, length: number): BinaryFields {
  const to = new BinaryFields(HEAD_BYTES + MEAN_BYTES * length);
  to.rawInt32(length === 0 ? 0 : 1);
  to.rawInt32(1);
  to.rawInt32(oid);
  if (length > 0) {
    to.rawInt32(length);
    to.rawInt32(1);
  }
  return to;
}

/** Texts by their numbers; below 0 is NULL. */
export function interned(interner: ByteInterner, numbers: readonly number[]): Buffer {
  const to = beginArray(OID.text, numbers.length);
  for (const number of numbers) {
    if (number < 0) to.null();
    else to.textOf(interner.bufferOf(number), interner.startOf(number), interner.lengthOf(number));
  }
  return to.take();
}

/** The ids of rows; a row below 0 is NULL. */
export function uuidsOfRows({ ints }: EventTable, rows: readonly number[]): Buffer {
  const to = beginArray(OID.uuid, rows.length);
  for (const row of rows) {
    if (row < 0) to.null();
    else to.uuidOf(ints, row * INTS + INT.id);
  }
  return to.take();
}

export const booleans = arrayOf<boolean>(OID.boolean, (to, value) => to.boolean(value));
export const smallints = arrayOf<number | undefined>(OID.smallint, (to, value) => to.smallint(value));
export const integers = arrayOf<number>(OID.integer, (to, value) => to.integer(value));
/** Safe integers. */
export const bigints = arrayOf<number | undefined>(OID.bigint, (to, value) => to.bigint(value));
export const int64s = arrayOf<Int64>(OID.bigint, (to, value) => to.int64(value));
export const doubles = arrayOf<number | undefined>(OID.double, (to, value) => to.double(value));
export const texts = arrayOf<string | undefined>(OID.text, (to, value) => to.text(value));
/** Epoch ms, whole numbers. */
export const timestamps = arrayOf<number | undefined>(OID.timestamptz, (to, value) => to.timestamptz(value));
export const uuids = arrayOf<string | undefined>(OID.uuid, (to, value) => to.uuid(value));
