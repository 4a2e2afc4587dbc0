import { expect, test } from '@jest/globals';
import { discardDeadLetters } from '../src/index.ts';
import { storeUnderTest } from './store-under-test.ts';

const store = storeUnderTest();

// With a plan that joins row by row PostgreSQL may run a subquery anew for each, and a limit in it bounds none of the rest.
test('T8: no more are discarded than asked for, with whatever plan', async () => {
  const { pool } = store();
  await pool.query(
    `INSERT INTO dead_letters (project_id, log_id, topic, partition, log_offset, log_time, code, detail, record_headers)
     SELECT 1, 'log', 'wayline.direct', 0, n, now(), 'unknown_field', '', '{}' FROM generate_series(1, 5) n`,
  );
  const client = await pool.connect();
  try {
    await client.query(
      `BEGIN; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_hashagg = off;
       SET LOCAL enable_sort = off; SET LOCAL enable_material = off; SET LOCAL enable_memoize = off;
       SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off`,
    );
    expect(await discardDeadLetters(client, { projectId: 1 }, 2)).toBe(2);
    expect(await discardDeadLetters(client, { projectId: 1 }, 2)).toBe(2);
    expect(await discardDeadLetters(client, { projectId: 1 }, 2)).toBe(1);
    await client.query('ROLLBACK');
  } finally {
    client.release();
  }
});
