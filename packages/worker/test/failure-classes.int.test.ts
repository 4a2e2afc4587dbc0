import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TOPICS } from '@wayline/contracts';
import { startPostgresServer } from '@wayline/postgres-server';
import { FAILURE_CLASSES, migrate } from '@wayline/store';
import { startTcpProxy } from '@wayline/testkit';
import { appendTo, eventOf, many, startScene, until, type WorkerScene } from './worker-scene.ts';

let scene: WorkerScene;
beforeEach(async () => {
  scene = await startScene();
});
afterEach(() => scene.close());

/** Classes that a test of this file has seen. */
const seen = new Set<string>();
afterAll(() => {
  const byOthers = ['program fault', 'disk full']; // batch-scheduler.test.ts; disk-full.int.test.ts
  expect(FAILURE_CLASSES.map(({ name }) => name).filter((name) => !seen.has(name) && !byOthers.includes(name))).toEqual(
    [],
  );
});

async function untilSeen(name: string): Promise<void> {
  await scene.untilTold(name);
  seen.add(name);
}

const sql = (text: string) => scene.pool.query(text);
const endWorkersConnections = () =>
  sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = 'limited'`);

/** A role that is no superuser, whose connections can be limited, and which owns what the worker needs. */
async function limitedUrl(): Promise<string> {
  await sql(`DO $$ DECLARE name text; BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'limited') THEN CREATE ROLE limited LOGIN PASSWORD 'limited'; END IF;
    ALTER ROLE limited CONNECTION LIMIT -1;
    GRANT ALL ON SCHEMA public TO limited;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
      EXECUTE format('ALTER TABLE %I OWNER TO limited', name);
    END LOOP;
    GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO limited;
  END $$`);
  const url = new URL(scene.databaseUrl);
  [url.username, url.password] = ['limited', 'limited'];
  return url.href;
}

/** The first `times` statements that write sessions fail with an SQLSTATE; a sequence counts, which no rollback takes back. */
const failSessions = (code: string, times: number) =>
  sql(`CREATE SEQUENCE tries;
    CREATE FUNCTION fail_sessions() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('tries') <= ${times} THEN RAISE EXCEPTION 'on purpose' USING ERRCODE = '${code}'; END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER fail_sessions BEFORE INSERT ON sessions FOR EACH STATEMENT EXECUTE FUNCTION fail_sessions()`);

/** Resolves when all partitions of events but one are read to their ends. */
async function untilOthersAreRead(one: number): Promise<void> {
  const read = `SELECT sum(next_offset) FROM positions WHERE topic = '${TOPICS.events}' AND partition <> ${one}`;
  const ends = (await scene.log.ranges(TOPICS.events)).filter(({ partition }) => partition !== one);
  const expected = ends.reduce((sum, { end }) => sum + end, 0);
  await until('the other partitions', async () => (await scene.number(read)) === expected);
}

describe('T13: what passes is waited out, and nothing is lost, doubled or dead-lettered', () => {
  const events = () => many(300);
  async function expectAllStored(stored: ReturnType<typeof many>): Promise<void> {
    await scene.allRead();
    await scene.expectExactlyOnce(stored);
    expect(await scene.number('SELECT count(*) FROM dead_letters')).toBe(0);
  }

  test('connection lost: the network is cut, and mended', async () => {
    const { hostname, port } = new URL(scene.databaseUrl);
    const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    scene.onClose(() => proxy.close());
    const url = new URL(scene.databaseUrl);
    url.port = String(proxy.port);
    const all = events();
    await scene.startWorker({ pool: scene.openPool(url.href) });
    await scene.append(all.slice(0, 100));
    await scene.allRead();
    proxy.cutAll();
    await scene.append(all.slice(100));
    await untilSeen('connection lost');
    proxy.resume();
    await expectAllStored(all);
  });

  test('shutdown: the backend is terminated in the middle of a transaction', async () => {
    const all = events();
    const holder = await scene.pool.connect();
    await holder.query('BEGIN; LOCK TABLE sessions IN EXCLUSIVE MODE');
    await scene.append(all);
    await scene.startWorker();
    const toldOf = untilSeen('shutdown').then(() => true);
    // More than once: who waits first need not be who stores.
    const endWhoWaits = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    await until('the loss of a connection', async () => {
      await sql(endWhoWaits);
      return Promise.race([toldOf, Promise.resolve(false)]);
    });
    await holder.query('COMMIT');
    holder.release();
    await expectAllStored(all);
  });

  test('a PostgreSQL that stops at once, in the middle, and starts again', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'wayline-worker-postgres-'));
    scene.onClose(() => rm(dataDir, { recursive: true, force: true }));
    let server = await startPostgresServer({ dataDir });
    scene.onClose(() => server.stop());
    const url = server.connectionString('postgres');
    await migrate({ url });
    const pool = scene.openPool(url);
    const all = events();
    await scene.startWorker({ pool });
    await scene.append(all.slice(0, 150));
    const stored = async () => Number((await pool.query('SELECT count(*) AS n FROM events')).rows[0].n);
    await until('the first events', async () => (await stored()) === 150);
    await server.stop('immediate');
    await scene.append(all.slice(150));
    await scene.untilTold('did not take a batch');
    server = await startPostgresServer({ dataDir, port: Number(new URL(url).port) });
    await until('all events', async () => (await stored().catch(() => 0)) === 300);
    const { rows } = await pool.query(
      'SELECT count(DISTINCT event_id)::int AS n, (SELECT sum(read) FROM ledger)::int AS read FROM events',
    );
    expect(rows).toEqual([{ n: 300, read: 300 }]);
  }, 60_000);

  test('read-only: after a failover the old server is not asked again', async () => {
    const url = await limitedUrl();
    const all = events();
    await scene.startWorker({ pool: scene.openPool(url) });
    await scene.append(all.slice(0, 100));
    await scene.allRead();
    await sql('ALTER ROLE limited SET default_transaction_read_only = on');
    await endWorkersConnections();
    await scene.append(all.slice(100));
    await untilSeen('read-only');
    // Connections made meanwhile stay read-only for good: only new ones take writes.
    await sql('ALTER ROLE limited RESET default_transaction_read_only');
    await expectAllStored(all);
  });

  test('deadlock: with another transaction, in earnest; written again at once', async () => {
    const first = eventOf({ sessionId: 's-contested' });
    await scene.append([first]);
    await scene.startWorker();
    await scene.allRead();
    const rival = await scene.pool.connect();
    await rival.query(
      `SET deadlock_timeout = '60s'; BEGIN; SELECT FROM sessions WHERE session_id = 's-contested' FOR UPDATE`,
    );
    const second = eventOf({ sessionId: 's-contested' });
    await scene.append([second]);
    await scene.untilSomebodyWaits();
    await rival.query('SELECT FROM positions WHERE next_offset > 0 FOR UPDATE'); // which the worker has moved
    await rival.query('ROLLBACK; RESET deadlock_timeout');
    rival.release();
    await untilSeen('deadlock');
    expect(scene.told.filter(({ level }) => level !== 'info')).toEqual([]);
    await expectAllStored([first, second]);
  });

  test('lock timeout: a table is locked for longer than the worker waits', async () => {
    const all = events();
    const holder = await scene.pool.connect();
    await holder.query('BEGIN; LOCK TABLE sessions IN EXCLUSIVE MODE');
    await scene.append(all);
    await scene.startWorker({ sessionTimeoutMs: 1000 });
    await untilSeen('lock timeout');
    await holder.query('COMMIT');
    holder.release();
    await expectAllStored(all);
  });

  test('statement timeout: what is too much for one statement is written in smaller parts', async () => {
    const all = Array.from({ length: 200 }, (_, i) => eventOf({ sessionId: `slow-${i}` }));
    // 20 ms a session, in a statement that may take 600 ms: no more than 29 at a time.
    await sql(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END $$;
      CREATE TRIGGER slow BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION slow()`);
    await scene.append(all);
    await scene.startWorker({ sessionTimeoutMs: 1000 });
    await untilSeen('statement timeout');
    await expectAllStored(all);
  });

  test('too many connections: the role may have no more', async () => {
    const url = await limitedUrl();
    const all = events();
    await scene.startWorker({ pool: scene.openPool(url) });
    await scene.append(all.slice(0, 100));
    await scene.allRead();
    await sql('ALTER ROLE limited CONNECTION LIMIT 0');
    await endWorkersConnections();
    await scene.append(all.slice(100));
    await untilSeen('too many connections');
    await sql('ALTER ROLE limited CONNECTION LIMIT -1');
    await expectAllStored(all);
  });

  test('access: a right was taken away, and is told as an error', async () => {
    const url = await limitedUrl();
    const all = events();
    await scene.append(all);
    await sql('REVOKE INSERT ON sessions FROM limited');
    await scene.startWorker({ pool: scene.openPool(url) });
    await untilSeen('access');
    expect(await scene.untilTold('access')).toMatchObject({ level: 'error' });
    await sql('GRANT INSERT ON sessions TO limited');
    await expectAllStored(all);
  });

  test('schema: a table is away, and is told as an error', async () => {
    const all = events();
    await scene.append(all);
    await sql('ALTER TABLE sessions RENAME TO sessions_away');
    await scene.startWorker();
    await untilSeen('schema');
    expect(await scene.untilTold('schema')).toMatchObject({ level: 'error' });
    await sql('ALTER TABLE sessions_away RENAME TO sessions');
    await expectAllStored(all);
  });

  test('a partition that was dropped under the worker is made again', async () => {
    await scene.startWorker();
    await scene.append(many(10));
    await scene.allRead();
    const { rows } = await sql(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'events'::regclass`,
    );
    for (const { name } of rows) await sql(`DROP TABLE ${name}`);
    const after = many(50);
    await scene.append(after);
    await scene.allRead();
    expect(await scene.number('SELECT count(*) FROM events')).toBe(50);
    expect(await scene.number('SELECT count(*) FROM dead_letters')).toBe(0);
  });

  test('books: ids of batches that were given before are no fault of the events', async () => {
    const all = events();
    await scene.startWorker();
    await scene.append(all.slice(0, 200));
    await scene.allRead();
    await sql(`SELECT setval('batch_ids', 1, false)`); // as after a restore without sequences
    await scene.append(all.slice(200));
    await untilSeen('books');
    await expectAllStored(all);
  });

  test.each([
    { name: 'serialization', code: '40001' },
    { name: 'out of memory', code: '53200' },
    { name: 'other resources', code: '53400' },
    { name: 'storage', code: 'XX001' },
    { name: 'unknown', code: 'P0001' },
  ])('$name ($code, raised by a trigger)', async ({ name, code }) => {
    await failSessions(code, 3);
    const all = events();
    await scene.append(all);
    await scene.startWorker();
    await untilSeen(name);
    await expectAllStored(all);
  });

  test('one partition whose rows are held up does not hold up the others', async () => {
    const held = eventOf({ sessionId: 's-held' });
    await scene.startWorker({ settings: { concurrency: 1 }, sessionTimeoutMs: 2000 });
    await scene.append([held]);
    await scene.allRead();
    const partition = await scene.number(`SELECT partition FROM positions WHERE next_offset > 0`);
    const holder = await scene.pool.connect();
    await holder.query(`BEGIN; SELECT FROM sessions WHERE session_id = 's-held' FOR UPDATE`);
    const more = eventOf({ sessionId: 's-held' });
    const others = many(200);
    await scene.append([more, ...others]);
    await untilOthersAreRead(partition);
    await holder.query('ROLLBACK');
    holder.release();
    await expectAllStored([held, more, ...others]);
  }, 60_000);
});

describe('T13: what can never succeed', () => {
  /** Adds a constraint to the partitions of today, and of the days beside it. */
  async function constrain(check: string): Promise<() => Promise<void>> {
    const { rows } = await sql(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'events'::regclass`,
    );
    for (const { name } of rows) await sql(`ALTER TABLE ${name} ADD CONSTRAINT broken CHECK (${check}) NOT VALID`);
    return async () => {
      for (const { name } of rows) await sql(`ALTER TABLE ${name} DROP CONSTRAINT broken`);
    };
  }

  test('data: in a partition that refuses one row, that row alone is dead-lettered, with its place and bytes', async () => {
    const before = many(20);
    await scene.startWorker();
    await scene.append(before);
    await scene.allRead();
    await constrain(`target IS DISTINCT FROM 'poison'`);
    const poison = eventOf({ target: 'poison', sessionId: 's-poison' });
    const fine = many(200);
    await scene.append([...fine.slice(0, 99), poison, ...fine.slice(99)]);
    await scene.allRead();
    await scene.expectExactlyOnce([...before, ...fine]);
    const { rows } = await sql('SELECT code, detail, event_id, session_id, topic, record_value FROM dead_letters');
    expect(rows).toEqual([
      {
        code: 'unstorable',
        detail: expect.stringContaining('broken'),
        event_id: poison.eventId,
        session_id: 's-poison',
        topic: TOPICS.events,
        record_value: expect.any(Buffer),
      },
    ]);
    expect(rows[0].record_value.toString()).toContain('poison');
    seen.add('data');
  });

  test('a run of refused rows stops the partition with an alarm, and no other; it goes on when they are taken', async () => {
    await scene.startWorker({ settings: { maxRejected: 5, stoppedMs: 200 } });
    await scene.append(many(20));
    await scene.allRead();
    const mend = await constrain(`session_id <> 's-refused'`);
    const refused = many(60, { sessionId: 's-refused' });
    const fine = many(100);
    await scene.append(refused);
    await scene.append(fine);
    const alarm = await scene.untilTold('partition stopped: PostgreSQL refuses row after row');
    expect(alarm).toMatchObject({ level: 'error', fields: { topic: TOPICS.events, maxRejected: 5 } });
    await untilOthersAreRead(Number(alarm.fields.partition));
    expect(await scene.number('SELECT count(*) FROM dead_letters')).toBe(5);
    await mend();
    await scene.allRead();
    expect(await scene.number('SELECT count(*) FROM dead_letters')).toBe(5);
    expect(await scene.number(`SELECT count(*) FROM events WHERE session_id = 's-refused'`)).toBe(55);
    expect(await scene.untilTold('the partition goes on')).toMatchObject({ level: 'info' });
  });

  test('the limit never counts what failed framing, schema or authentication', async () => {
    await scene.startWorker({ settings: { maxRejected: 0 } });
    const rubbish = Array.from({ length: 50 }, () => ({ key: 'k', value: Buffer.from('rubbish') }));
    await scene.log.append(TOPICS.direct, rubbish);
    await scene.log.append(TOPICS.events, rubbish);
    const fine = many(50);
    await scene.append(fine);
    await scene.allRead();
    expect(await scene.number('SELECT count(*) FROM dead_letters')).toBe(100);
    expect(await scene.number('SELECT count(*) FROM events')).toBe(50);
  });

  test('a partition that is stopped lets go when its worker stops, and a new one tries again', async () => {
    const worker = await scene.startWorker({ settings: { maxRejected: 2 } });
    await scene.append(many(20));
    await scene.allRead();
    const mend = await constrain(`session_id <> 's-refused'`);
    const refused = many(30, { sessionId: 's-refused' });
    await scene.append(refused);
    await scene.untilTold('partition stopped: PostgreSQL refuses');
    await worker.stop();
    await mend();
    await scene.startWorker();
    await scene.allRead();
    expect(await scene.number(`SELECT count(*) FROM events WHERE session_id = 's-refused'`)).toBe(28);
  });

  test.each([
    { what: 'cut off in the middle', bytes: (whole: Buffer) => whole.subarray(0, whole.length / 2) },
    { what: 'no UTF-8', bytes: (whole: Buffer) => Buffer.concat([whole, Buffer.from([0xff, 0xfe])]) },
    { what: 'nothing at all', bytes: () => Buffer.alloc(0) },
    { what: 'bits that turned', bytes: (whole: Buffer) => whole.map((byte, i) => (i % 7 === 3 ? byte ^ 0x80 : byte)) },
  ])('a corrupt record, $what, is kept as it is, and those beside it are stored', async ({ bytes }) => {
    const [before, lost, after] = many(3, { sessionId: 's-one' }) as [never, ReturnType<typeof eventOf>, never];
    await appendTo(scene.log, [before]);
    const corrupt = Buffer.from(
      bytes(Buffer.from(JSON.stringify({ project: 1, receivedAt: Date.now(), event: lost }))),
    );
    await scene.log.append(TOPICS.events, [{ key: 's-one', value: corrupt }]);
    await appendTo(scene.log, [after]);
    await scene.startWorker();
    await scene.allRead();
    await scene.expectExactlyOnce([before, after]);
    const { rows } = await sql('SELECT record_value, log_offset FROM dead_letters');
    expect(rows).toHaveLength(1);
    expect(rows[0].record_value?.equals(corrupt)).toBe(true);
    expect(rows[0].log_offset).toBe(1);
  });
});
