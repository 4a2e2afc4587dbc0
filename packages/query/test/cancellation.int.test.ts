import { request as httpRequest } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createVerifier, signAccessToken } from '@wayline/identity/verify';
import { createPool, type Pool, READER_ROLE, readOnly } from '@wayline/store';
import { servedRoutes, startTcpProxy } from '@wayline/testkit';
import { createQueryRouter } from '../src/index.ts';
import { type Answer, eventAt, GROUP, type QueryUnderTest, SECRET, startQuery } from './query-under-test.ts';

let query: QueryUnderTest;
let watcher: Pool;
beforeAll(async () => {
  query = await startQuery();
  await query.store([eventAt(0, { userId: 'u', machineId: 'm' })]);
  watcher = createPool({ url: query.databaseUrl, max: 2, applicationName: 'watcher' });
});
afterEach(() => expect(query.faults).toEqual([]));
afterAll(async () => {
  await watcher.end();
  await query.close();
});

/** Pids of backends of the API that are at a statement, or inside a transaction. */
async function busy(): Promise<number[]> {
  const { rows } = await watcher.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'query test' AND state <> 'idle'`,
  );
  return rows.map(({ pid }) => pid);
}

async function until<T>(look: () => Promise<T>, isThere: (seen: T) => boolean, withinMs = 5_000): Promise<T> {
  const begun = performance.now();
  for (;;) {
    const seen = await look();
    if (isThere(seen)) return seen;
    await new Promise((resolve) => setImmediate(resolve));
    if (performance.now() - begun > withinMs) throw new Error(`after ${withinMs} ms: ${JSON.stringify(seen)}`);
  }
}

/** Runs the work while no read of the tables gets through. */
async function whileLocked(tables: string, work: () => Promise<void>): Promise<void> {
  const holder = await watcher.connect();
  try {
    await holder.query(`BEGIN; LOCK TABLE ${tables} IN ACCESS EXCLUSIVE MODE`);
    await work();
  } finally {
    await holder.query('ROLLBACK');
    holder.release();
  }
}

const isCancel = (chunk: Buffer): boolean => chunk.length === 16 && chunk.readInt32BE(4) === 80_877_102;

/** A way to the database on which cancel requests take longer than all else. */
async function startLateCancels(databaseUrl: string, lateMs: number) {
  const url = new URL(databaseUrl);
  const { hostname: host, port } = url;
  let cancels = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect({ host, port: Number(port || 5432) });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
    }
    upstream.on('data', (chunk) => client.write(chunk));
    client.on('data', (chunk) => {
      if (!isCancel(chunk)) return void upstream.write(chunk);
      cancels++;
      setTimeout(() => upstream.write(chunk), lateMs);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    cancels: () => cancels,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A request whose client can go away. */
async function ask(path: string, scopes: ('read' | 'admin' | 'aggregation')[] = ['read', 'admin', 'aggregation']) {
  const token = await signAccessToken({ projectId: 1, subject: 'tester', scopes, expiresInSeconds: 60 }, SECRET);
  const request = httpRequest(query.url + path, { headers: { authorization: `Bearer ${token}` } });
  request.on('error', () => undefined);
  request.end();
  return { leave: () => request.destroy() };
}

const TABLES =
  'events, sessions, names, session_hops, hop_days, hours, user_count_history, ledger, dead_letters, series_minutes';

/** An address of every route that reads the database for its answer. */
const READ = [
  '/v1/sessions',
  '/v1/sessions/s-1',
  '/v1/sessions/s-1/events',
  '/v1/sessions/s-1/navigation',
  '/v1/sessions/s-1/components',
  '/v1/sessions/s-1/gaps',
  '/v1/users/u/sessions',
  '/v1/machines/m/sessions',
  '/v1/machines/m/timeline',
  '/v1/machines/m/microservices',
  '/v1/navigation',
  '/v1/events/00000000-0000-4000-8000-000000000001',
  '/v1/series/default/pageVisit',
  '/api/events/default/pageVisit',
  '/v1/ledger',
  '/v1/analytics/hourly',
  '/analytics?timestamp=1795435200',
  '/v1/metrics/history',
  '/metrics/history',
  '/v1/dead-letters',
  '/v1/dead-letters/causes',
  '/v1/dead-letters/1',
];

/** Those that have ways of their own, and what is the same for all who ask. */
const OTHERS = [
  '/v1/sessions/:/trace',
  '/v1/sessions/:/export',
  '/v1/machines/:/export',
  '/v1/users/:/export',
  '/v1/export',
  '/v1/tail',
  '/v1/metrics/latest',
  '/metrics/latest',
];

test('every route that is read is tried, or has its own way to end', () => {
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const { pool, log } = query;
  const router = createQueryRouter({
    pool,
    log,
    group: GROUP,
    verifier: createVerifier({ secrets: [SECRET] }),
    logger,
  });
  const routes = servedRoutes(router).flatMap((route) => (route.startsWith('GET ') ? [route.slice(4)] : []));
  const isTried = (route: string) => {
    const form = new RegExp(`^${route.replaceAll(':', '[^/]+')}$`);
    return OTHERS.includes(route) || READ.some((path) => form.test(path.split('?')[0] ?? ''));
  };
  expect(routes.filter((route) => !isTried(route))).toEqual([]);
});

test('I5, O5: every route is read in transactions that can only read, as the role for it, within 15 s', async () => {
  const pool = createPool({ url: query.databaseUrl, max: 1, applicationName: 'another' });
  let begun: string[] = [];
  pool.on('connect', (client) => {
    const send = client.query.bind(client) as (...given: unknown[]) => unknown;
    client.query = ((...given: unknown[]) => {
      if (String(given[0]).startsWith('BEGIN')) begun.push(String(given[0]));
      return send(...given);
    }) as typeof client.query;
  });
  const seen = await startQuery({ pool, readerRole: READER_ROLE });
  const scopes = ['read' as const, 'admin' as const, 'aggregation' as const];
  const token = await signAccessToken({ projectId: 1, subject: 'tester', scopes, expiresInSeconds: 60 }, SECRET);
  try {
    for (const path of READ) {
      begun = [];
      await (await fetch(seen.url + path, { headers: { authorization: `Bearer ${token}` } })).text();
      const texts = begun.map((text) => text.replaceAll(/\s+/g, ' '));
      const role = new RegExp(`READ ONLY; SET LOCAL statement_timeout = 15000; .* SET LOCAL ROLE "${READER_ROLE}"$`);
      expect({ path, texts }).toEqual({ path, texts: [expect.stringMatching(role), ...texts.slice(1)] });
      for (const text of texts) expect(text).toMatch(role);
    }
  } finally {
    await pool.end();
    await seen.close();
  }
});

describe('a client that goes away', () => {
  test.each(READ.map((path) => ({ path })))(
    'takes its statement along, and leaves its connection: $path',
    async ({ path }) => {
      await whileLocked(TABLES, async () => {
        const client = await ask(path);
        const [pid] = await until(busy, (pids) => pids.length === 1);
        const left = performance.now();
        client.leave();
        await until(busy, (pids) => pids.length === 0);
        expect(performance.now() - left).toBeLessThan(2_000);
        const { rows } = await watcher.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid]);
        expect(rows).toHaveLength(1); // it was not closed
      });
      expect((await query.get('/v1/sessions')).status).toBe(200);
      expect(query.pool.waitingCount).toBe(0);
      // An answer does not wait for its COMMIT.
      await until(
        async () => query.pool.totalCount - query.pool.idleCount,
        (lent) => lent === 0,
      );
    },
  );

  test('while it waits for a connection takes none', async () => {
    const narrow = createPool({ url: query.databaseUrl, max: 1, applicationName: 'query test' });
    try {
      const held = await narrow.connect();
      const abort = new AbortController();
      let began = false;
      const reading = readOnly(narrow, { statementTimeoutMs: 1_000, signal: abort.signal }, async () => {
        began = true;
      });
      abort.abort();
      held.release();
      await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
      expect(began).toBe(false);
      expect(narrow.idleCount).toBe(1);
    } finally {
      await narrow.end();
    }
  });

  test('between two statements reads no further', async () => {
    const abort = new AbortController();
    let reached = 0;
    const reading = readOnly(query.pool, { statementTimeoutMs: 5_000, signal: abort.signal }, async (reader) => {
      await reader.query('SELECT 1');
      abort.abort();
      reached++;
      await reader.query('SELECT 2');
      reached++;
    });
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    expect(reached).toBe(1);
    expect(await busy()).toEqual([]);
  });

  test('ends no statement of whoever has the connection next, however late its cancel request arrives', async () => {
    const late = await startLateCancels(query.databaseUrl, 200);
    const pool = createPool({ url: late.url, max: 1, applicationName: 'query test' });
    const sleepFor = (seconds: number, signal?: AbortSignal) =>
      readOnly(pool, { statementTimeoutMs: 5_000, signal }, (reader) =>
        reader.query('SELECT pg_sleep($1)', [seconds]).then(() => 'slept'),
      );
    try {
      await sleepFor(0);
      const abort = new AbortController();
      const first = sleepFor(0.2, abort.signal);
      setTimeout(() => abort.abort(), 100); // so that the request arrives when the statement is over
      const next = sleepFor(0.5);
      expect(await first.catch((error: Error) => error.name)).toBe('slept');
      expect(await next).toBe('slept');
      expect(late.cancels()).toBe(1);
    } finally {
      await pool.end();
      await late.close();
    }
  });

  test('behind a server that cannot be asked to end it: the connection is closed, and its place is free', async () => {
    const real = new URL(query.databaseUrl);
    const proxy = await startTcpProxy({ host: real.hostname, port: Number(real.port || 5432) });
    real.hostname = '127.0.0.1';
    real.port = String(proxy.port);
    const pool = createPool({ url: real.href, max: 1, applicationName: 'query test' });
    let cancels = 0;
    proxy.watch({
      onRequest(chunk) {
        if (!isCancel(chunk)) return;
        cancels++;
        chunk.fill(0, 12); // another secret
      },
    });
    try {
      const abort = new AbortController();
      const reading = readOnly(pool, { statementTimeoutMs: 20_000, signal: abort.signal }, (reader) => {
        setTimeout(() => abort.abort(), 50);
        return reader.query('SELECT pg_sleep(20)');
      });
      const begun = performance.now();
      await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
      expect(performance.now() - begun).toBeLessThan(6_000);
      expect(cancels).toBeGreaterThan(1);
      expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    } finally {
      await pool.end();
      await proxy.close();
    }
  });
});

describe('O5: more queries than the database can take', () => {
  test('those that would wait behind too many others are refused at once', async () => {
    const pool = createPool({ url: query.databaseUrl, max: 1, applicationName: 'query test' });
    const narrow = await startQuery({ pool, maxWaiting: 2 });
    const held = await pool.connect();
    try {
      const answers = Array.from({ length: 6 }, () => narrow.get('/v1/dead-letters/1', { scopes: ['admin'] }));
      const refused: Answer[] = [];
      for (const answer of answers) void answer.then((told) => refused.push(told));
      await until(
        async () => refused.length,
        (told) => told === 4,
      );
      for (const { status, body, headers } of refused) {
        expect(status).toBe(503);
        expect(body).toMatchObject({ code: 'overloaded', retryable: true });
        expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      }
      held.release();
      const statuses = (await Promise.all(answers)).map(({ status }) => status).sort();
      expect(statuses).toEqual([404, 404, 503, 503, 503, 503]);
    } finally {
      await pool.end();
      await narrow.close();
    }
  });

  test('those that wait too long for a connection are told so', async () => {
    const pool = createPool({ url: query.databaseUrl, max: 1, applicationName: 'query test', connectTimeoutMs: 100 });
    const narrow = await startQuery({ pool });
    const held = await pool.connect();
    try {
      expect(await narrow.get('/v1/dead-letters/1', { scopes: ['admin'] })).toMatchObject({
        status: 503,
        body: { code: 'overloaded' },
      });
    } finally {
      held.release();
      await pool.end();
      await narrow.close();
    }
  });
});
