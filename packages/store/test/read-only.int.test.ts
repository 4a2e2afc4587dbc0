import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@wayline/testkit';
import { createPool, type Pool, readOnly } from '../src/index.ts';

const OPTIONS = { statementTimeoutMs: 5_000 };

/** A way to the database whose answers can be held up. */
interface Relay {
  url: string;
  /** Answers from now on are held up until `release`. */
  hold(): void;
  release(): void;
  /** Resolves once the text was sent to the database. */
  sent(text: string): Promise<void>;
  close(): void;
}

async function startRelay(databaseUrl: string): Promise<Relay> {
  const url = new URL(databaseUrl);
  const { hostname: host, port } = url;
  const sockets = new Set<Socket>();
  let asked = '';
  let held: (() => void)[] | undefined;
  let heard: () => void = () => undefined;
  const server = createServer((client) => {
    const upstream = connect({ host, port: Number(port || 5432) });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.on('data', (chunk) => {
      asked += String(chunk);
      heard();
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (held) held.push(() => client.write(chunk));
      else client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    hold() {
      held = [];
    },
    release() {
      const answers = held ?? [];
      held = undefined;
      for (const answer of answers) answer();
    },
    sent: (text) =>
      new Promise((resolve) => {
        heard = () => {
          if (asked.includes(text)) resolve();
        };
        heard();
      }),
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

let database: TestDatabase;
let relay: Relay;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  relay = await startRelay(database.url);
  pool = createPool({ url: relay.url, max: 2, applicationName: 'read only' });
  await pool.query('CREATE TABLE things (n integer)');
});
afterEach(() => relay.release());
afterAll(async () => {
  await pool.end();
  relay.close();
  await database.close();
});

describe('the round trips of a read', () => {
  test('BEGIN goes out with the first statement, and what is asked for at once goes out at once', async () => {
    relay.hold();
    const reading = readOnly(pool, OPTIONS, (reader) =>
      Promise.all([reader.query('SELECT 11 AS first'), reader.query('SELECT $1::integer AS second', [12])]),
    );
    await relay.sent('SELECT 11 AS first');
    await relay.sent('SELECT $1::integer AS second');
    relay.release();
    const [first, second] = await reading;
    expect([first.rows, second.rows]).toEqual([[{ first: 11 }], [{ second: 12 }]]);
  });

  test('nobody waits for COMMIT; and nobody else has the connection before it is over', async () => {
    const value = await readOnly(pool, OPTIONS, async (reader) => {
      const { rows } = await reader.query('SELECT 21 AS value');
      relay.hold();
      return rows[0].value;
    });
    expect(value).toBe(21);
    await relay.sent('COMMIT');
    expect(pool.totalCount - pool.idleCount).toBe(1);
    relay.release();
    while (pool.idleCount < pool.totalCount) await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('a read that fails', () => {
  test('is one transaction all the same: it reads one snapshot, and can write nothing', async () => {
    const seen = await readOnly(pool, OPTIONS, async (reader) => {
      const before = await reader.query('SELECT count(*) AS n FROM things');
      await pool.query('INSERT INTO things VALUES (1)');
      const after = await reader.query('SELECT count(*) AS n FROM things');
      return [before.rows[0].n, after.rows[0].n];
    });
    expect(seen).toEqual([0, 0]);
    const write = readOnly(pool, OPTIONS, (reader) => reader.query('INSERT INTO things VALUES (2)'));
    await expect(write).rejects.toMatchObject({ code: '25006' });
  });

  test('tells the first fault: of several statements, and of its beginning', async () => {
    const both = readOnly(pool, OPTIONS, (reader) =>
      Promise.all([reader.query('SELECT 1 / 0'), reader.query('SELECT 1')]),
    );
    await expect(both).rejects.toMatchObject({ code: '22012' });
    const nobody = readOnly(pool, { ...OPTIONS, role: 'nobody at all' }, (reader) => reader.query('SELECT 1'));
    await expect(nobody).rejects.toMatchObject({ code: '22023' });
    const own = readOnly(pool, OPTIONS, async (reader) => {
      await reader.query('SELECT 1');
      throw new RangeError('of the work itself');
    });
    await expect(own).rejects.toThrow('of the work itself');
    expect((await readOnly(pool, OPTIONS, (reader) => reader.query('SELECT 3 AS n'))).rows).toEqual([{ n: 3 }]);
  });
});
