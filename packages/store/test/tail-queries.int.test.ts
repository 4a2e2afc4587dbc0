import { readdir } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import {
  createPool,
  migrate,
  type Pool,
  type Reader,
  readOnly,
  sumUpBatches,
  sumUpGrown,
  tailBatches,
  tailCandidates,
} from '../src/index.ts';
import { batchOf, eventOf, storeVerdict } from './batches.ts';
import { LOG, storeUnderTest, TOPIC } from './store-under-test.ts';

const store = storeUnderTest();
const WIDE = 'x'.repeat(500);

/** Batches of events that lie on several days, the second half of them alone on the last. */
async function storeBatches(count: number): Promise<void> {
  const { writer } = store();
  for (let i = 0; i < count; i++) {
    const records = Array.from({ length: 50 }, () =>
      storeVerdict(
        eventOf({ occurredAt: Date.now() - (i < count / 2 ? (1 + (i % 5)) * 86_400_000 : 0), context: { WIDE } }),
      ),
    );
    await writer.write([batchOf({ firstOffset: i * 50 }, records)]);
  }
}

const lastBatch = async (reader: Reader) => {
  const stretches = [{ topic: TOPIC, partition: 0, from: 0, to: Number.MAX_SAFE_INTEGER }];
  const [batch] = await tailBatches(reader, { logId: LOG.logId, stretches, limit: 1 });
  if (!batch) throw new Error('no batch');
  return batch;
};

test('the last batches of a stretch are listed, each with between which times its events lie', async () => {
  await storeBatches(6);
  const { pool } = store();
  const stretches = [{ topic: TOPIC, partition: 0, from: 120, to: 250 }];
  const batches = await tailBatches(pool, { logId: LOG.logId, stretches, limit: 2 });
  expect(batches).toMatchObject([
    { firstOffset: 200, nextOffset: 250, events: 50 },
    { firstOffset: 150, nextOffset: 200, events: 50 },
  ]);
  const { rows } = await pool.query(
    'SELECT min(occurred_at) AS "from", max(occurred_at) AS "to" FROM events WHERE batch_id = $1',
    [batches[0]?.id],
  );
  expect(batches[0]).toMatchObject({ occurredFrom: rows[0].from, occurredTo: rows[0].to });
});

test('the events of a batch are found by the index on batch_id, in the partitions of their times alone', async () => {
  await storeBatches(20);
  const { pool } = store();
  const plans: string[] = [];
  await readOnly(pool, { statementTimeoutMs: 10_000 }, async (reader) => {
    const explaining = {
      query: async (query: string | { text: string; values: unknown[] }) => {
        if (typeof query === 'string') return reader.query(query);
        const { rows } = await reader.query(`EXPLAIN (ANALYZE, COSTS off) ${query.text}`, query.values);
        plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
        return { rows: [] };
      },
    } as unknown as Reader;
    const batch = await lastBatch(reader);
    for (const filter of [{ projectId: 1 }, { projectId: 1, sessionId: 's' }, { projectId: 1, type: 't' }]) {
      await tailCandidates(explaining, [batch], { filters: [filter], limit: 10 });
    }
  });
  expect(plans).toHaveLength(3);
  for (const plan of plans) {
    expect(plan).toMatch(/Bitmap Index Scan on events_d\d+_batch_id_idx/);
    expect(plan).not.toContain('Seq Scan');
    expect(plan.match(/Bitmap Index Scan/g)).toHaveLength(1);
  }
});

/** How many rows of other batches are read to find those of the last one. */
function rechecked(pool: Pool): Promise<number> {
  return readOnly(pool, { statementTimeoutMs: 10_000 }, async (reader) => {
    const { id } = await lastBatch(reader);
    const { rows } = await reader
      .query(`SET LOCAL enable_seqscan = off; EXPLAIN ANALYZE SELECT FROM events WHERE batch_id = ${id}`)
      .then((results) => (results as unknown as { rows: Record<string, string>[] }[])[1] ?? { rows: [] });
    const removed = rows.map((row) => /Recheck: (\d+)/.exec(row['QUERY PLAN'] ?? '')?.[1] ?? '0');
    return removed.reduce((sum, n) => sum + Number(n), 0);
  });
}

test('once pages are summed up, those of other batches are not read', async () => {
  await storeBatches(100);
  const { pool } = store();
  const before = await rechecked(pool);
  const times = { fromMs: Date.now() - 3_600_000, toMs: Date.now() };
  expect(await sumUpBatches(pool, times)).toBe(true);
  expect(await rechecked(pool)).toBeLessThan(before / 2);
  await asReader(async (reading) => expect(await sumUpBatches(reading, times)).toBe(false));
});

/** Of a role that owns nothing. */
async function asReader(work: (pool: Pool) => Promise<void>): Promise<void> {
  const { pool, url } = store();
  const role = `reads_only_${process.pid}`;
  await pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'p'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`);
  const address = new URL(url);
  [address.username, address.password] = [role, 'p'];
  const reading = createPool({ url: String(address), max: 1, applicationName: 'reads only' });
  await work(reading);
  await reading.end();
  await pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
}

test('maintenance sums up where rows came, and nowhere else', async () => {
  const { pool } = store();
  const summedUp = new Map<string, number>();
  await storeBatches(100);
  const before = await rechecked(pool);
  await sumUpGrown(pool, summedUp);
  const after = await rechecked(pool);
  expect(after).toBeLessThan(before / 2);
  const tables = [...summedUp.keys()];
  expect(tables).toEqual(tables.toSorted().reverse()); // the newest first

  const { rows } = await pool.query(
    "SELECT brin_desummarize_range(inhrelid, 0) FROM pg_inherits WHERE inhparent = 'events_by_batch'::regclass",
  );
  expect(rows.length).toBeGreaterThan(1);
  const without = await rechecked(pool);
  expect(without).toBeGreaterThan(after);
  await sumUpGrown(pool, summedUp);
  expect(await rechecked(pool)).toBe(without);
  await sumUpGrown(pool, new Map());
  expect(await rechecked(pool)).toBe(after);
});

test('maintenance sums up a piece after another, and goes on the next time', async () => {
  const { pool } = store();
  await storeBatches(100);
  const { rows } = await pool.query<{ table: string }>(
    'SELECT tableoid::regclass::text AS table FROM events ORDER BY occurred_at DESC LIMIT 1',
  );
  const last = rows[0]?.table as string;
  const pages = () => pool.query<{ n: number }>('SELECT pg_relation_size($1::regclass)::integer / 8192 AS n', [last]);
  while (((await pages()).rows[0]?.n as number) < 2_100) await pool.query(`UPDATE ${last} SET page = page`);
  const summedUp = new Map<string, number>();
  const before = await rechecked(pool);
  await sumUpGrown(pool, summedUp, { budgetMs: 0 });
  expect(await rechecked(pool)).toBe(before);
  expect(Math.max(...summedUp.values())).toBe(0);
  await sumUpGrown(pool, summedUp);
  expect(await rechecked(pool)).toBeLessThan(before / 10);
  expect(summedUp.get(last)).toBe((await pages()).rows[0]?.n);
});

test('maintenance waits for nobody who holds a table, and says what it may not', async () => {
  const { pool } = store();
  await storeBatches(100);
  const before = await rechecked(pool);
  const summedUp = new Map<string, number>();
  const holder = await pool.connect();
  await holder.query('BEGIN; LOCK TABLE events IN SHARE UPDATE EXCLUSIVE MODE');
  await sumUpGrown(pool, summedUp);
  await holder.query('ROLLBACK');
  holder.release();
  expect(await rechecked(pool)).toBe(before);
  await asReader((reading) => expect(sumUpGrown(reading, summedUp)).rejects.toThrow('must be owner'));
  await sumUpGrown(pool, summedUp);
  expect(await rechecked(pool)).toBeLessThan(before / 2);
});

test('the index of batches asks nothing of autovacuum, in new partitions and in those that there were', async () => {
  const { pool, url } = store();
  const asking = async () => {
    const { rows } = await pool.query(
      `SELECT count(*)::integer AS indexes, count(*) FILTER (WHERE 'autosummarize=off' = ANY (reloptions))::integer AS off
       FROM pg_class WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'events_by_batch'::regclass)`,
    );
    return rows[0];
  };
  await storeBatches(12);
  const { indexes } = await asking();
  expect(indexes).toBeGreaterThan(1);
  expect(await asking()).toEqual({ indexes, off: indexes });
  const since = (await readdir('migrations')).filter((name) => name >= '0013');
  await migrate({ url, direction: 'down', count: since.length });
  expect(await asking()).toEqual({ indexes, off: 0 });
  await migrate({ url });
  expect(await asking()).toEqual({ indexes, off: indexes });
});
