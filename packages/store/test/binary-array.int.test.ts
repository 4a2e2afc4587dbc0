import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type pg from 'pg';
import { createPool } from '../src/index.ts';
import {
  bigints,
  booleans,
  doubles,
  int64s,
  integers,
  smallints,
  texts,
  timestamps,
  uuids,
} from '../src/write/binary-array.ts';
import { createStoreDatabase } from './store-database.ts';

let database: Awaited<ReturnType<typeof createStoreDatabase>>;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createStoreDatabase();
  pool = createPool({ url: database.url, max: 1, applicationName: 'test' });
});
afterAll(async () => {
  await pool?.end();
  await database?.close();
});

/** What PostgreSQL makes of an array, each element as text; undefined stands for NULL. */
async function readBack(type: string, array: Buffer): Promise<(string | undefined)[]> {
  const { rows } = await pool.query<{ text: string | null }>(
    `SELECT element::text AS text FROM unnest($1::${type}[]) WITH ORDINALITY AS given (element, place) ORDER BY place`,
    [array],
  );
  return rows.map(({ text }) => text ?? undefined);
}

const textOf = (value: unknown): string | undefined => (value === undefined ? undefined : String(value));
const storable = fc.string({ unit: 'binary', maxLength: 80 }).map((text) => text.replaceAll('\0', '').toWellFormed());

interface Kind {
  type: string;
  write: (values: readonly never[]) => Buffer;
  element: fc.Arbitrary<unknown>;
  nulls?: boolean;
}

const KINDS: Kind[] = [
  { type: 'boolean', write: booleans, element: fc.boolean() },
  { type: 'smallint', write: smallints, element: fc.integer({ min: -32_768, max: 32_767 }), nulls: true },
  { type: 'integer', write: integers, element: fc.integer() },
  { type: 'bigint', write: bigints, element: fc.maxSafeInteger(), nulls: true },
  { type: 'text', write: texts, element: storable, nulls: true },
  { type: 'uuid', write: uuids, element: fc.uuid(), nulls: true },
];

test.each(KINDS)('an array of $type is read as it was written, also an empty one', async (kind) => {
  const element = kind.nulls ? fc.option(kind.element, { nil: undefined }) : kind.element;
  await fc.assert(
    fc.asyncProperty(fc.array(element, { maxLength: 40 }), async (values) => {
      expect(await readBack(kind.type, kind.write(values as never[]))).toEqual(values.map(textOf));
    }),
    { numRuns: 20, examples: [[[]]] },
  );
});

test('64-bit numbers, doubles and times, up to their edges', async () => {
  const halves = [-(2n ** 63n), -1n, 0n, 2n ** 32n, 2n ** 63n - 1n];
  const written = int64s(halves.map((value) => ({ hi: Number(value >> 32n), lo: Number(value & 0xffffffffn) })));
  expect(await readBack('bigint', written)).toEqual(halves.map(String));
  const reals = [0, -0.1, Number.MAX_VALUE, Number.MIN_VALUE, undefined];
  expect((await readBack('double precision', doubles(reals))).map((text) => text && Number(text))).toEqual(reals);
  const times = [Date.UTC(1, 0, 1), 0, 946_684_800_001, Date.UTC(2285, 5, 1), Date.UTC(9999, 11, 31), undefined];
  const { rows } = await pool.query(
    'SELECT (extract(epoch FROM t) * 1000)::float8 AS ms FROM unnest($1::timestamptz[]) WITH ORDINALITY AS g (t, i) ORDER BY i',
    [timestamps(times)],
  );
  expect(rows.map(({ ms }) => ms ?? undefined)).toEqual(times);
});
