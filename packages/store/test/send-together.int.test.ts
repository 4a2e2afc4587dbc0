import { expect, test } from '@jest/globals';
import type { PoolClient } from 'pg';
import { createPool } from '../src/index.ts';
import { askTogether, sendTogether } from '../src/write/send-together.ts';
import { startRelay } from './relay.ts';
import { storeUnderTest } from './store-under-test.ts';

const store = storeUnderTest();

/** A connection in a transaction, through a relay that shows what is sent and can keep PostgreSQL from seeing it. */
async function throughRelay(
  work: (client: PoolClient, relay: Awaited<ReturnType<typeof startRelay>>) => Promise<void>,
): Promise<void> {
  const relay = await startRelay(store().url);
  const pool = createPool({ url: relay.url, max: 1, applicationName: 'together' });
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await work(client, relay);
    await client.query('ROLLBACK');
  } finally {
    client.release();
    await pool.end();
    relay.close();
  }
}

test('T6: statements go out together, none waits for the answer to those before it, and take effect in their order', () =>
  throughRelay(async (client, relay) => {
    await client.query('CREATE TEMPORARY TABLE steps (n int, at int GENERATED ALWAYS AS IDENTITY) ON COMMIT DROP');
    relay.hold();
    const sent = sendTogether(client, client, async (sender) => {
      for (const n of [3, 1, 2]) await sender.query(`INSERT INTO steps SELECT $1::int /* step ${n} */`, [n]);
    });
    for (const n of [3, 1, 2]) await relay.sent(`/* step ${n} */`);
    relay.release();
    await sent;
    const { rows } = await client.query('SELECT n FROM steps ORDER BY at');
    expect(rows.map(({ n }) => n)).toEqual([3, 1, 2]);
  }));

test('T6: the fault that is told is the first, nothing after it takes effect, and the connection goes on', async () => {
  const client = await store().pool.connect();
  try {
    await client.query(
      'BEGIN; CREATE TEMPORARY TABLE steps (n int PRIMARY KEY) ON COMMIT PRESERVE ROWS; COMMIT; BEGIN',
    );
    const sent = sendTogether(client, client, async (sender) => {
      await sender.query('INSERT INTO steps VALUES ($1)', [1]);
      await sender.query('INSERT INTO steps VALUES ($1)', [1]);
      await sender.query('INSERT INTO steps VALUES ($1)', [2]);
    });
    await expect(sent).rejects.toMatchObject({ code: '23505' });
    await client.query('ROLLBACK');
    expect((await client.query('SELECT FROM steps')).rowCount).toBe(0);
  } finally {
    client.release(true);
  }
});

test('T6: what making a statement throws is told when those before it are answered', async () => {
  const client = await store().pool.connect();
  try {
    await client.query('BEGIN');
    const sent = sendTogether(client, client, async (sender) => {
      await sender.query('SELECT pg_sleep($1)', [0.05]);
      throw new RangeError('cannot be written');
    });
    await expect(sent).rejects.toThrow('cannot be written');
    await client.query('ROLLBACK');
  } finally {
    client.release();
  }
});

test('T6: two questions go out together, and each gets its own answer', () =>
  throughRelay(async (client, relay) => {
    relay.hold();
    const asked = askTogether(client, () => [
      client.query<{ n: number }>('SELECT $1::int AS n /* one */', [1]).then(({ rows }) => rows[0]?.n),
      client.query<{ n: number }>('SELECT $1::int AS n /* two */', [2]).then(({ rows }) => rows[0]?.n),
    ]);
    await relay.sent('/* one */');
    await relay.sent('/* two */');
    relay.release();
    expect(await asked).toEqual([1, 2]);
  }));

test('T6: of two questions the fault of the first is told, when both are answered, and the connection goes on', async () => {
  const client = await store().pool.connect();
  try {
    await client.query('BEGIN');
    const asked = askTogether(client, () => [
      client.query('SELECT 1 / $1::int', [0]),
      client.query('SELECT $1::int', [2]),
    ]);
    await expect(asked).rejects.toMatchObject({ code: '22012' });
    await client.query('ROLLBACK');
    expect((await client.query('SELECT 1')).rowCount).toBe(1);
  } finally {
    client.release();
  }
});
