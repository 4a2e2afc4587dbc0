import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { lastConnectionString } from '@wayline/postgres-server';
import { createPool, type Pool } from '@wayline/store';
import {
  accountFor,
  describeWithKafka,
  generateEvents,
  type KafkaCluster,
  runWayline,
  startKafka,
  startWayline,
} from '@wayline/testkit';
import { type AllInOne, createAllInOne, type Running } from './all-in-one.ts';

const EXAMPLE = fileURLToPath(new URL('../../../examples/apache_access.log.gz', import.meta.url));
const SUMMARY = /^10,000 lines, 3,224 sessions: 10,000 events accepted, 0 lines refused, in .*$/m;

interface Ledger {
  hours: Record<'read' | 'stored' | 'duplicate' | 'deadLettered' | 'erased' | 'expired', number>[];
  pending: number | null;
}

async function read<T>({ dev }: Running, path: string): Promise<T> {
  const response = await fetch(`${dev.url}${path}`, { headers: { authorization: `Bearer ${dev.token}` } });
  if (!response.ok) throw new Error(`${response.status} at ${path}: ${await response.text()}`);
  return (await response.json()) as T;
}

async function nothingPending(running: Running): Promise<Ledger> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(50)) {
    const ledger = await read<Ledger>(running, '/v1/ledger').catch(() => undefined);
    if (ledger?.pending === 0) return ledger;
  }
  throw new Error('There are still events pending after a minute');
}

/** Of generated events. The whole form of their sessions: one of the access log's pseudonyms may begin with `s-12-`, too. */
const countOfSeed = (seed: number): string =>
  `SELECT count(*)::int AS n FROM events WHERE session_id ~ '^s-${seed}-[0-9a-z]+-[0-9a-f]{8}$'`;

const sum = ({ hours }: Ledger, field: keyof Ledger['hours'][number]): number =>
  hours.reduce((total, hour) => total + hour[field], 0);

/** The example is imported twice into a `wayline all`; what is then stored is held against what is known of it. */
function importsTheExample(logSettings: () => Promise<Record<string, string>>): void {
  let all: AllInOne;
  let running: Running;
  let pool: Pool;
  let once: Ledger;
  let twice: Ledger;

  async function importExample(): Promise<void> {
    const args = ['import', '--format', 'access-log', EXAMPLE];
    const done = await runWayline(args, { env: { WAYLINE_DATA_DIR: all.dataDir } });
    expect(done).toMatchObject({ code: 0, stdout: '', stderr: expect.stringMatching(SUMMARY) });
    process.stderr.write(`${SUMMARY.exec(done.stderr)?.[0]}\n`);
  }

  beforeAll(async () => {
    const env = await logSettings();
    all = await createAllInOne();
    running = await all.start(env);
    const url = (await lastConnectionString(join(all.dataDir, 'postgres'), 'postgres')) as string;
    pool = createPool({ url, max: 2, applicationName: 'import-test' });
    await importExample();
    once = await nothingPending(running);
    await importExample();
    twice = await nothingPending(running);
  }, 120_000);
  afterAll(async () => {
    await pool?.end();
    await all?.close();
  });

  const rows = async (sql: string) => (await pool.query(sql)).rows as Record<string, unknown>[];

  test('T6: run twice, every line is stored exactly once, and none is dead-lettered', async () => {
    const url = (await lastConnectionString(join(all.dataDir, 'postgres'), 'postgres')) as string;
    expect(await accountFor(url, new Set())).toMatchObject({
      stored: 10_000,
      doubled: [],
      deadLetters: 0,
      unbalancedHours: 0,
      ledgerDifference: 0,
      wrongSessions: [],
    });
  });

  test('T11: the ledger balances, and counts the second run as duplicates', () => {
    const totals = (ledger: Ledger) =>
      (['read', 'stored', 'duplicate', 'deadLettered', 'erased', 'expired'] as const).map((field) =>
        sum(ledger, field),
      );
    expect(totals(once)).toEqual([10_000, 10_000, 0, 0, 0, 0]);
    expect(totals(twice)).toEqual([20_000, 10_000, 10_000, 0, 0, 0]);
  });

  test('the facts that are known of the example', async () => {
    expect(
      await rows(
        `SELECT count(*)::int AS events, count(DISTINCT session_id)::int AS sessions,
           count(DISTINCT context->>'client')::int AS clients, count(DISTINCT anonymous_id)::int AS visitors,
           count(DISTINCT date_trunc('hour', occurred_at))::int AS hours, count(referrer)::int AS referrers,
           count(*) FILTER (WHERE context->>'status' = '200')::int AS ok,
           count(*) FILTER (WHERE context->>'status' = '404')::int AS not_found,
           count(*) FILTER (WHERE user_agent_id IS NULL)::int AS without_agent FROM events`,
      ),
    ).toEqual([
      {
        events: 10_000,
        sessions: 3224,
        clients: 1753,
        visitors: 1862,
        hours: 84,
        referrers: 5927,
        ok: 9126,
        not_found: 213,
        without_agent: 190,
      },
    ]);
    expect(await rows('SELECT count(*)::int AS n FROM sessions')).toEqual([{ n: 3224 }]);
    const hours = await rows(
      `SELECT to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24') AS hour, count(*)::int AS n
       FROM events GROUP BY 1 ORDER BY n DESC`,
    );
    expect(hours[0]).toEqual({ hour: '2015-05-19T19', n: 136 });
    const inOrder = hours.map(({ hour }) => hour).sort();
    expect([inOrder[0], inOrder.at(-1)]).toEqual(['2015-05-17T10', '2015-05-20T21']);
    expect(await rows('SELECT page, count(*)::int AS n FROM events GROUP BY page ORDER BY n DESC LIMIT 1')).toEqual([
      { page: '/favicon.ico', n: 807 },
    ]);
  });

  test('A5: the API lists all sessions, with all their events', async () => {
    let sessions = 0;
    let events = 0;
    let longest = { sessionId: '', eventCount: 0 };
    for (let cursor: string | null | undefined = ''; cursor !== null && cursor !== undefined; ) {
      const page: { sessions: (typeof longest)[]; nextCursor?: string | null } = await read(
        running,
        `/v1/sessions?limit=1000${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      sessions += page.sessions.length;
      for (const session of page.sessions) {
        events += session.eventCount;
        if (session.eventCount > longest.eventCount) longest = session;
      }
      cursor = page.nextCursor;
    }
    expect({ sessions, events }).toEqual({ sessions: 3224, events: 10_000 });
    const path = `/v1/sessions/${longest.sessionId}/events?limit=1000`;
    const trace = await read<{ events: { eventId: string; occurredAt: string }[] }>(running, path);
    expect(trace.events.length).toBe(longest.eventCount);
    const times = trace.events.map(({ occurredAt }) => occurredAt);
    expect(times).toEqual([...times].sort());
    const [first] = trace.events;
    const fate = await read(running, `/v1/events/${first?.eventId}?sessionId=${longest.sessionId}`);
    expect(fate).toMatchObject({ fate: 'stored' });
  });

  test('NDJSON from standard input is stored, beside it', async () => {
    const input = [...generateEvents({ count: 5000, seed: 11 })].join('\n');
    const done = await runWayline(['import'], { env: { WAYLINE_DATA_DIR: all.dataDir }, input });
    expect(done).toMatchObject({ code: 0, stderr: expect.stringMatching(/^5,000 lines: 5,000 events accepted/m) });
    await nothingPending(running);
    expect(await rows(countOfSeed(11))).toEqual([{ n: 5000 }]);
  });

  test('T6: killed in the middle and run again, every event is stored exactly once', async () => {
    const before = sum(await nothingPending(running), 'read');
    const input = [...generateEvents({ count: 20_000, seed: 12 })].join('\n');
    const start = () =>
      startWayline(['import', '--concurrency', '1'], { env: { WAYLINE_DATA_DIR: all.dataDir }, input });
    const killed = start();
    while (sum(await read<Ledger>(running, '/v1/ledger'), 'read') === before) await sleep(5);
    expect(await killed.end('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    expect(await start().exited).toEqual({ code: 0, signal: null });
    const after = await nothingPending(running);
    expect(sum(after, 'read')).toBeGreaterThan(before + 20_000);
    expect(await rows(countOfSeed(12))).toEqual([{ n: 20_000 }]);
  });
}

describe('O9: importing the example, on the embedded log', () => importsTheExample(async () => ({})));

await describeWithKafka(
  'O9: importing the example, on Kafka',
  () => {
    let kafka: KafkaCluster;
    importsTheExample(async () => {
      kafka = await startKafka();
      return { KAFKA_BROKERS: kafka.brokers.join(',') };
    });
    afterAll(() => kafka?.close());
  },
  { own: true },
);

describe('O9: the import command', () => {
  const NOWHERE = { WAYLINE_URL: 'http://127.0.0.1:1', WAYLINE_KEY: 'wlk_none' };
  const refused = (args: string[], env: Record<string, string> = NOWHERE) =>
    runWayline(['import', ...args], { env, input: '' });

  test.each([
    [['none.log'], 'none.log cannot be imported: there is no such file.'],
    [['--format', 'xml', EXAMPLE], 'Allowed choices are ndjson, access-log'],
    [['--concurrency', '0', EXAMPLE], '--concurrency must be a whole number from 1 to 64'],
    [['--source', 'shop', EXAMPLE], '--source and --salt-file are for --format access-log'],
    [['--format', 'access-log', '--salt-file', 'none', EXAMPLE], 'The salt file none cannot be read'],
  ])('wrong usage is told in a sentence, with code 2: %j', async (args, sentence) => {
    const done = await refused(args);
    expect(done).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(sentence) });
    expect(done.stderr).not.toMatch(/^ {4}at /m);
  });

  test('Ctrl-C while it waits for the server ends it with code 1, and says that it may be run again', async () => {
    const importing = startWayline(['import'], { env: NOWHERE, input: [...generateEvents({ count: 10 })].join('\n') });
    await importing.waitForLine(/cannot be reached \(.*\); trying again in/);
    expect(await importing.end('SIGINT')).toEqual({ code: 1, signal: null });
    expect(importing.stderr.at(-1)).toMatch(/^interrupted; run it again/);
  });
});
