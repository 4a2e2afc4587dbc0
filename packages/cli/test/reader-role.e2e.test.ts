import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Pool, READER_ROLE } from '@wayline/store';
import type { DevFile } from '../src/dev-file.ts';
import { type AllInOne, createAllInOne } from './all-in-one.ts';

let all: AllInOne;
let dev: DevFile;
let pool: Pool;

beforeAll(async () => {
  all = await createAllInOne();
  ({ dev } = await all.start());
  pool = await all.openPool(1);
}, 120_000);
afterAll(async () => {
  await pool?.end();
  await all?.close();
});

const statusOf = async (path: string): Promise<number> => {
  const response = await fetch(dev.url + path, { headers: { authorization: `Bearer ${dev.token}` } });
  await response.text();
  return response.status;
};

/** PostgreSQL refuses to change rights of a table amid another change to it, such as that of autovacuum: that is over at once. */
async function changeRights(statement: string): Promise<void> {
  for (let tries = 20; ; tries--) {
    try {
      await pool.query(statement);
      return;
    } catch (error) {
      if (tries === 0 || (error as Error).message !== 'tuple concurrently updated') throw error;
    }
  }
}

test.each([
  { path: '/v1/sessions', table: 'sessions', way: 'a short read' },
  { path: '/v1/export', table: 'events', way: 'a read of any length' },
  { path: '/v1/dead-letters', table: 'dead_letters', way: 'an admin’s read' },
])('I5: $way runs as the role that can only read, whoever the process logs in as: $path', async ({ path, table }) => {
  expect(await statusOf(path)).toBe(200);
  await changeRights(`REVOKE SELECT ON ${table} FROM ${READER_ROLE}`);
  try {
    expect(await statusOf(path)).toBeGreaterThanOrEqual(500);
  } finally {
    await changeRights(`GRANT SELECT ON ${table} TO ${READER_ROLE}`);
  }
  expect(await statusOf(path)).toBe(200);
});
