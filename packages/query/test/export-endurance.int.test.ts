import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { authorization, exportedLines, fetchText, underWay, until } from './export-reading.ts';
import { type Asking, app, eventAt, type QueryUnderTest, startQuery } from './query-under-test.ts';

/** Of about 1.7 kB each: far more than lies in all the buffers between PostgreSQL and a client that does not read. */
const EVENTS = 40_000;
const CLIENT_MS = 1_500;
/** Of a session that goes to and fro between two apps all the time. */
const LONG = 100_000;

let query: QueryUnderTest;
beforeAll(async () => {
  query = await startQuery({ statementTimeoutMs: 400, exports: { atOnce: 1, clientMs: CLIENT_MS } });
  await query.store([eventAt(0, { sessionId: 'big', machineId: 'm', context: { text: 'x'.repeat(1200) } })]);
  await repeat("session_id = 'big'", { times: EVENTS - 1, everyMs: 1 });
  await query.pool.query(
    `UPDATE sessions SET event_count = ${EVENTS}, last_at = first_at + ${EVENTS} * interval '1 ms'`,
  );
  const longer = ['shop', 'checkout'].map((name, ms) => eventAt(ms, { sessionId: 'long', ...app(name) }));
  await query.store(longer, { projectId: 2 });
  await repeat('project_id = 2', { times: LONG / 2 - 1, everyMs: 2 });
  await query.pool.query(`UPDATE sessions SET last_at = first_at + ${LONG} * interval '1 ms' WHERE project_id = 2`);
}, 120_000);
afterAll(() => query.close());

/** Stores events again that are stored already, under ids and at times of their own. */
async function repeat(which: string, { times, everyMs }: { times: number; everyMs: number }): Promise<void> {
  const { rows } = await query.pool.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = 'events'::regclass AND attnum > 0 AND NOT attisdropped`,
  );
  const columns = rows.map(({ name }) => name);
  const own: Record<string, string> = {
    event_id: 'gen_random_uuid()',
    occurred_at: `occurred_at + n * interval '${everyMs} ms'`,
  };
  await query.pool.query(
    `INSERT INTO events (${columns}) SELECT ${columns.map((name) => own[name] ?? name)}
     FROM events, generate_series(1, ${times}) n WHERE ${which}`,
  );
}

/** Begins an export; nothing of its body is read. */
async function begin(path = '/v1/export', asking: Asking = {}): Promise<IncomingMessage> {
  const asked = request(query.url + path, { headers: await authorization(asking), agent: false }).end();
  asked.on('error', () => {});
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  expect(response.statusCode).toBe(200);
  response.on('error', () => {}); // looked for afterwards
  return response;
}

const isCopying = async (): Promise<boolean> => (await underWay(query.pool)).some((text) => text.startsWith('COPY'));
const isQuiet = async (): Promise<boolean> => (await underWay(query.pool)).length === 0;

/** Reads on to the end; false where it broke off. */
async function readsToEnd(response: IncomingMessage): Promise<boolean> {
  response.resume();
  if (!response.closed) await new Promise((resolve) => response.once('close', resolve));
  return response.complete && response.errored === null;
}

describe('an export', () => {
  test('that is read slowly is not cut by the time-out of statements, and is whole', async () => {
    const response = await begin();
    let lines = 0;
    for await (const chunk of response) {
      lines += String(chunk).split('\n').length - 1;
      if (lines < 200) await sleep(150); // longer than a statement may take, in all, and shorter than a client
    }
    expect(lines).toBe(EVENTS);
    expect(response.trailers).toEqual({ 'wayline-events': String(EVENTS) });
  });

  test('holds PostgreSQL back while nobody reads, instead of gathering what it sends', async () => {
    const before = process.memoryUsage.rss();
    const response = await begin();
    await sleep(CLIENT_MS / 2);
    expect(await isCopying()).toBe(true);
    expect(process.memoryUsage.rss() - before).toBeLessThan(40e6); // of 68 MB
    response.destroy();
    await until(isQuiet);
  });

  test('whose client goes away is ended in PostgreSQL too, and all connections are there again', async () => {
    const response = await begin();
    expect(await isCopying()).toBe(true);
    response.destroy();
    await until(isQuiet);
    expect(query.pool.totalCount - query.pool.idleCount).toBe(0);
    const all = await Promise.all(Array.from({ length: 6 }, () => query.pool.connect()));
    for (const client of all) client.release();
    expect(await exportedLines(query, '/v1/export?type=never')).toEqual([]);
  });

  test('whose client goes away while PostgreSQL still sorts is ended there within seconds', async () => {
    const stop = new AbortController();
    // Locked out before it can begin, as a long sort would keep it from its first row.
    const locker = await query.pool.connect();
    try {
      await locker.query('BEGIN; LOCK TABLE names IN ACCESS EXCLUSIVE MODE');
      const asked = fetch(`${query.url}/v1/export`, { headers: await authorization(), signal: stop.signal });
      await until(isCopying);
      stop.abort();
      await expect(asked).rejects.toThrow();
      await until(async () => !(await isCopying()));
    } finally {
      await locker.query('ROLLBACK');
      locker.release();
    }
  });

  test('whose client takes nothing is cut off, with a reset', async () => {
    const response = await begin();
    const began = Date.now();
    await until(isQuiet, CLIENT_MS + 4_000);
    expect(Date.now() - began).toBeGreaterThanOrEqual(CLIENT_MS - 50);
    expect(await readsToEnd(response)).toBe(false);
    expect(response.errored).toMatchObject({ code: 'ECONNRESET' });
  });

  test('that PostgreSQL breaks off never looks whole', async () => {
    for (const path of ['/v1/export', '/v1/sessions/big/trace', '/v1/machines/m/export?format=csv']) {
      const response = await begin(path);
      await query.pool.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE 'COPY%' AND pid <> pg_backend_pid()`,
      );
      expect(await readsToEnd(response)).toBe(false);
      await until(isQuiet);
    }
    expect(query.faults).toEqual([]); // it is told as what it is, not as a fault of ours
  });

  test('is of one moment: what is stored while it runs is not in it', async () => {
    const response = await begin('/v1/machines/m/export');
    await query.store([eventAt(5, { sessionId: 'meanwhile', machineId: 'm' })]);
    let text = '';
    for await (const chunk of response) text += chunk;
    expect(text).not.toContain('meanwhile');
    expect(await exportedLines(query, '/v1/sessions/meanwhile/export')).toHaveLength(1);
    await query.pool.query(`DELETE FROM events WHERE session_id = 'meanwhile'`);
  });

  test('O5: beyond as many as may run at once is refused, and sessions still are to be had', async () => {
    const first = await begin();
    const { status, headers, text } = await fetchText(query, '/v1/export');
    expect([status, headers.get('retry-after'), JSON.parse(text).code]).toEqual([503, '10', 'overloaded']);
    expect((await exportedLines(query, '/v1/sessions/big/export?type=never')).length).toBe(0);
    first.destroy();
    await until(isQuiet);
    expect((await fetchText(query, '/v1/export?type=never')).status).toBe(200);
  });

  test.each([
    { format: 'otlp', mark: /"timeUnixNano"/g, links: /"wayline\.hop\.count"/g, linked: 2 },
    { format: 'chrome', mark: /"ph":"i"/g, links: /"ph":"[sf]"/g, linked: 2 * (LONG - 1) },
  ])(
    'A5: of a session of 100,000 events as $format is whole, and never held as a whole',
    async ({ format, ...what }) => {
      const response = await begin(`/v1/sessions/long/trace?format=${format}`, { projectId: 2 });
      await sleep(CLIENT_MS / 2);
      expect(await isCopying()).toBe(true); // the rest is still in the database
      let [events, linked] = [0, 0];
      let last = '';
      for await (const chunk of response) {
        const text = last + chunk;
        // A mark that is cut goes with the next chunk.
        const end = text.lastIndexOf(',') + 1;
        last = text.slice(end);
        events += text.slice(0, end).match(what.mark)?.length ?? 0;
        linked += text.slice(0, end).match(what.links)?.length ?? 0;
      }
      events += last.match(what.mark)?.length ?? 0;
      linked += last.match(what.links)?.length ?? 0;
      expect([events, linked, last.slice(-2)]).toEqual([LONG, what.linked, ']}']);
    },
    60_000,
  );
});
