import { finished } from 'node:stream/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { createPool } from '../src/index.ts';
import { BinaryCopyWriter } from '../src/write/copy-binary.ts';
import { createStoreDatabase } from './store-database.ts';

interface Row {
  small: number | undefined;
  whole: number | undefined;
  large: number | undefined;
  hash: bigint | undefined;
  real: number | undefined;
  atMs: number;
  id: string;
  words: string | undefined;
  json: string | undefined;
}

const COLUMNS = 9;
let database: Awaited<ReturnType<typeof createStoreDatabase>>;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createStoreDatabase();
  pool = createPool({ url: database.url, max: 1, applicationName: 'test' });
  await pool.query(`CREATE TABLE copied (place serial, small smallint, whole integer, large bigint, hash bigint,
    real double precision, at timestamptz, id uuid, words text, json json)`);
});
afterAll(async () => {
  await pool?.end();
  await database?.close();
});

function encode(rows: readonly Row[], bytes: number): Buffer {
  const writer = new BinaryCopyWriter(COLUMNS, bytes);
  const parts: Buffer[] = [];
  for (const [i, row] of rows.entries()) {
    writer.beginRow();
    writer.smallint(row.small);
    writer.integer(row.whole);
    writer.bigint(row.large);
    const { hash } = row;
    writer.int64(hash === undefined ? undefined : { hi: Number(hash >> 32n), lo: Number(hash & 0xffffffffn) });
    writer.double(row.real);
    writer.timestamptz(row.atMs);
    writer.uuid(row.id);
    writer.text(row.words);
    writer.text(row.json);
    if (i % 3 === 0) parts.push(writer.take());
  }
  writer.end();
  return Buffer.concat([...parts, writer.take()]);
}

async function copied(rows: readonly Row[], bytes = 64): Promise<unknown[]> {
  const client = await pool.connect();
  try {
    await client.query('TRUNCATE copied RESTART IDENTITY');
    const stream = client.query(
      copyFrom('COPY copied (small, whole, large, hash, real, at, id, words, json) FROM STDIN (FORMAT binary)'),
    );
    stream.end(encode(rows, bytes));
    await finished(stream);
    const { rows: found } = await client.query(
      `SELECT small, whole, large::text, hash::text, real, (extract(epoch FROM at) * 1000)::float8 AS at, id, words,
         json::text AS json
       FROM copied ORDER BY place`,
    );
    return found;
  } finally {
    client.release();
  }
}

const asRead = ({ small, whole, large, hash, real, atMs, id, words, json }: Row) => ({
  small: small ?? null,
  whole: whole ?? null,
  large: large === undefined ? null : String(large),
  hash: hash === undefined ? null : String(hash),
  real: real ?? null,
  at: atMs,
  id: id.toLowerCase(),
  words: words ?? null,
  json: json ?? null,
});

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const storable = fc.string({ unit: 'binary', maxLength: 80 }).map((text) => text.replaceAll('\0', '').toWellFormed());

test('PostgreSQL reads back whatever was written', async () => {
  const row: fc.Arbitrary<Row> = fc.record({
    small: optional(fc.integer({ min: -32_768, max: 32_767 })),
    whole: optional(fc.integer()),
    large: optional(fc.maxSafeInteger()),
    hash: optional(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
    real: optional(fc.double({ noNaN: true })),
    atMs: fc.integer({ min: Date.UTC(1, 0, 1), max: Date.UTC(9999, 11, 31) }),
    id: fc.uuid().map((id, i = id.length) => (i % 2 ? id : id.toUpperCase())),
    words: optional(storable),
    json: optional(storable.map((text) => JSON.stringify({ text }))),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (rows) => {
      expect(await copied(rows)).toEqual(rows.map(asRead));
    }),
    { numRuns: 30 },
  );
});

test('the edges of 64 bits, of text that is short or long, and of scripts', async () => {
  const row = (given: Partial<Row>): Row => ({
    ...{ small: undefined, whole: undefined, large: undefined, hash: undefined, real: undefined, atMs: 0 },
    ...{ id: '0189FEDC-BA98-7654-8210-0123456789ab', words: undefined, json: undefined, ...given },
  });
  const rows = [
    ...[-(2n ** 63n), -1n, 0n, 2n ** 32n - 1n, 2n ** 63n - 1n].map((hash) => row({ hash })),
    ...[-1, 0, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER].map((large) => row({ large })),
    ...[0, 946_684_800_000, -1, 1_767_225_599_999].map((atMs) => row({ atMs })),
    ...[0, 47, 48, 49, 100_000].map((length) => row({ words: 'x'.repeat(length) })),
    ...['é', `${'a'.repeat(47)}é`, '😀'.repeat(10_000), 'tab\tback\\slash\nline\r'].map((words) => row({ words })),
  ];
  expect(await copied(rows, 16)).toEqual(rows.map(asRead));
});

test('a number that does not fit into its column is refused, and never cut to one that does', () => {
  const writer = new BinaryCopyWriter(1, 64);
  for (const value of [2 ** 31, -(2 ** 31) - 1, 2 ** 32 + 1, Number.NaN]) {
    expect(() => writer.integer(value)).toThrow(`${value} does not fit into its column`);
  }
  for (const value of [2 ** 15, -(2 ** 15) - 1]) {
    expect(() => writer.smallint(value)).toThrow(`${value} does not fit into its column`);
  }
});

test('what is no UUID is refused before it is sent', () => {
  const writer = new BinaryCopyWriter(1, 64);
  expect(() => writer.uuid('0189fedc-ba98-7654-8210-0123456789xy')).toThrow('Not a UUID');
  expect(() => writer.uuid('é189fedc-ba98-7654-8210-0123456789ab')).toThrow('Not a UUID');
});
