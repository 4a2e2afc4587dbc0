import { afterAll, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { createTestDatabase, sharedPostgres, type TestDatabase } from '../src/index.ts';

const opened: TestDatabase[] = [];
afterAll(async () => {
  for (const database of opened) await database.close();
});

async function create(options?: Parameters<typeof createTestDatabase>[0]): Promise<TestDatabase> {
  const database = await createTestDatabase(options);
  opened.push(database);
  return database;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test('each test database is its own', async () => {
  const [one, other] = await Promise.all([create(), create()]);
  await query(one.url, 'CREATE TABLE mine ()');
  await expect(query(other.url, 'SELECT FROM mine')).rejects.toThrow('does not exist');
});

test('the template is migrated once, and every database that names it begins with its content', async () => {
  let migrations = 0;
  const migrate = async (url: string) => {
    migrations++;
    await query(url, 'CREATE TABLE made AS SELECT 1 AS number');
  };
  const template = `template of this test ${Date.now()}`;
  const [one, other] = await Promise.all([create({ migrate, template }), create({ migrate, template })]);
  expect(migrations).toBe(1);
  await query(one.url, 'UPDATE made SET number = 2');
  expect(await query(other.url, 'SELECT number FROM made')).toEqual([{ number: 1 }]);
  const another = await create({ migrate, template: `${template}, changed` });
  expect(migrations).toBe(2);
  expect(await query(another.url, 'SELECT number FROM made')).toEqual([{ number: 1 }]);
});

test('a migration that fails is told, and is tried again by the next', async () => {
  const template = `failing ${Date.now()}`;
  const failing = create({ migrate: () => query('postgresql://127.0.0.1:1/none', '').then(() => {}), template });
  await expect(failing).rejects.toThrow('ECONNREFUSED');
  const database = await create({ migrate: (url) => query(url, 'CREATE TABLE made ()').then(() => {}), template });
  expect(await query(database.url, 'SELECT FROM made')).toEqual([]);
});

test('closing drops the database although somebody is still connected', async () => {
  const database = await createTestDatabase();
  const client = new Client({ connectionString: database.url });
  client.on('error', () => {});
  await client.connect();
  await database.close();
  await expect(query(database.url, 'SELECT 1')).rejects.toThrow('does not exist');
  const server = await sharedPostgres();
  expect(await query(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});
