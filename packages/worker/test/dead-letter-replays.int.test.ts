import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type LoggedEvent, TOPICS, uuidV8 } from '@wayline/contracts';
import { type EventLog, LogUnavailableError, type NewRecord, RecordTooLargeError } from '@wayline/event-log';
import { changeProject, revokeKey } from '@wayline/identity';
import { createVerifier, formatWriteKey } from '@wayline/identity/verify';
import { eraseUser } from '@wayline/store';
import { GROUP, type QueryUnderTest, SECRET, startQuery } from '../../query/test/query-under-test.ts';
import { createWorker, type Worker } from '../src/index.ts';

/** A real worker and the real API on one log and one database: what the one puts aside, the other replays. */
let query: QueryUnderTest;
let worker: Worker | undefined;
/** Takes the place of the log's own, as the API sees it. */
let append: ((log: EventLog, topic: string, records: readonly NewRecord[]) => Promise<void>) | undefined;
const verifier = createVerifier({ secrets: [SECRET] });
const silent = { info() {}, warn() {}, error() {} };
const KEY = formatWriteKey({ projectId: 1, keyId: 'k1', allowImport: false }, SECRET);
const DAY = 86_400_000;

beforeEach(async () => {
  append = undefined;
  query = await startQuery({
    partitions: 4,
    seenLog: (log) => ({
      id: log.id,
      append: (topic, records) => (append ? append(log, topic, records) : log.append(topic, records)),
      ranges: (topic) => log.ranges(topic),
      peek: (position) => log.peek(position),
    }),
  });
});
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
  await query.close();
});

async function startWorker(): Promise<void> {
  worker = createWorker({ log: query.log, pool: query.pool, group: GROUP, verifier, logger: silent });
  await worker.start();
}

const direct = (value: unknown, key: string | null = KEY): NewRecord => ({
  key: (value as { sessionId?: string }).sessionId ?? 's-1',
  value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  ...(key !== null && { headers: { 'wayline-key': key } }),
});

/** Resolves when the stored positions have reached the ends of the log. */
async function allRead(): Promise<void> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await nextTurn()) {
    const { pending } = await query.read('/v1/ledger', { scopes: ['admin'] });
    if (pending === 0) return;
  }
  throw new Error('the log is not read to its end');
}

/** Appends records of services, and lets the worker put them aside; answers with the ids of the dead letters. */
async function deadLetters(...records: NewRecord[]): Promise<string[]> {
  await query.log.append(TOPICS.direct, records);
  if (!worker) await startWorker();
  await allRead();
  const { rows } = await query.pool.query<{ id: number }>('SELECT id FROM dead_letters ORDER BY id');
  return rows.slice(-records.length).map(({ id }) => String(id));
}

const replay = async (id: string, body: object = {}) => (await query.post(`/v1/dead-letters/${id}/replay`, body)).body;
const show = (id: string) => query.read(`/v1/dead-letters/${id}`, { scopes: ['admin'] });
const stored = async () => {
  const { rows } = await query.pool.query(
    'SELECT event_id AS "eventId", session_id AS "sessionId", received_at AS "receivedMs", occurred_at AS "occurredMs" FROM events ORDER BY occurred_at, event_id',
  );
  return rows;
};
const appended = async (): Promise<number> =>
  (await query.log.ranges(TOPICS.events)).reduce((sum, { start, end }) => sum + end - start, 0);

/** Read = stored + duplicate + dead-lettered. */
async function expectBalance(expected: object): Promise<void> {
  const { hours } = await query.read('/v1/ledger', { scopes: ['admin'] });
  const sum = (name: string) =>
    hours.reduce((total: number, hour: Record<string, number>) => total + (hour[name] ?? 0), 0);
  expect(hours.every(({ balanced }: { balanced: boolean }) => balanced)).toBe(true);
  expect({ stored: sum('stored'), duplicate: sum('duplicate'), deadLettered: sum('deadLettered') }).toEqual(expected);
}

const typo = { sessionId: 's-1', type: 'click', colour: 'red' };
const mended = { sessionId: 's-1', type: 'click', context: { colour: 'red' } };

describe('T8, O9: replaying', () => {
  test('an edited copy is stored once, however often it is replayed, under the id that the worker would have given it', async () => {
    const [id = ''] = await deadLetters(direct(typo));
    const letter = await show(id);
    const eventId = uuidV8(query.log.id, TOPICS.direct, letter.partition, letter.offset);
    expect(await replay(id, { event: mended })).toEqual({
      id,
      outcome: 'replayed',
      eventId,
      sessionId: 's-1',
      replayedAt: expect.stringMatching(/Z$/),
      event: { ...mended, eventId },
    });
    await allRead();
    const once = [
      { eventId, sessionId: 's-1', receivedMs: Date.parse(letter.logTime), occurredMs: Date.parse(letter.logTime) },
    ];
    expect(await stored()).toEqual(once);

    expect(await replay(id, { event: mended })).toMatchObject({ outcome: 'replayed' });
    expect(await replay(id)).toMatchObject({ outcome: 'replayed', event: { ...mended, eventId } });
    await allRead();
    expect(await stored()).toEqual(once);
    await expectBalance({ stored: 1, duplicate: 2, deadLettered: 1 });
    expect(await show(id)).toMatchObject({ state: 'replayed', eventId, event: typo, replay: { ...mended, eventId } });
  });

  test('T11: the fate of the event is dead-lettered, then replayed, then stored', async () => {
    const eventId = '00000000-0000-4000-8000-00000000000a';
    const [id = ''] = await deadLetters(direct({ ...typo, eventId }));
    const fate = () => query.read(`/v1/events/${eventId}`);
    expect(await fate()).toMatchObject({ fate: 'dead-lettered', reason: 'unknown_field', deadLetter: id });
    expect(await fate()).not.toHaveProperty('replayedAt');
    await worker?.stop();
    worker = undefined;
    expect(await replay(id, { event: mended })).toMatchObject({ outcome: 'replayed', eventId });
    expect(await fate()).toMatchObject({ fate: 'dead-lettered', replayedAt: expect.stringMatching(/Z$/) });
    await startWorker();
    await allRead();
    expect(await fate()).toMatchObject({ fate: 'stored', topic: TOPICS.events, event: { context: { colour: 'red' } } });
  });

  test('T11: one whose id nobody knew is found by its id once it is replayed', async () => {
    const [id = ''] = await deadLetters(direct(typo));
    const { eventId } = await replay(id, { event: mended, dryRun: true });
    expect((await query.get(`/v1/events/${eventId}`)).body.fate).toBe('unknown');
    await worker?.stop();
    worker = undefined;
    await replay(id, { event: mended });
    expect(await query.read(`/v1/events/${eventId}`)).toMatchObject({ fate: 'dead-lettered', deadLetter: id });
  });

  test('is judged as if it came when the log took it; why it still fails is said, and nothing is written', async () => {
    const old = { ...mended, occurredAt: new Date(Date.now() - 100 * DAY).toISOString() };
    const [a = '', b = '', c = ''] = await deadLetters(direct(typo), direct('rubbish'), direct(old));
    expect(await replay(a)).toEqual({
      id: a,
      outcome: 'refused',
      errors: [{ pointer: '/colour', code: 'unknown_field', message: expect.any(String) }],
    });
    expect(await replay(b)).toMatchObject({ outcome: 'refused', errors: [{ code: 'unreadable' }] });
    expect(await replay(c)).toMatchObject({ errors: [{ pointer: '/occurredAt', code: 'time_too_old' }] });
    expect(await replay(a, { event: { ...mended, sessionId: '' } })).toMatchObject({
      errors: [{ pointer: '/sessionId', code: 'too_short' }],
    });
    expect(await replay(a, { event: null })).toMatchObject({ errors: [{ code: 'not_an_object' }] });
    expect(await replay(a, { event: { ...mended, eventId: '00000000-0000-4000-8000-0000000000ff' } })).toMatchObject({
      errors: [{ pointer: '/eventId', code: 'not_allowed' }],
    });
    expect(await appended()).toBe(0);
    for (const id of [a, b, c]) expect(await show(id)).toMatchObject({ state: 'open', replay: null });

    const token = { allowImport: true };
    expect((await query.post(`/v1/dead-letters/${c}/replay`, {}, token)).body.outcome).toBe('replayed');
    await changeProject(query.pool, { id: 1, slug: 'x', name: 'x' }, { pastDays: 200 });
    expect(await replay(c)).toMatchObject({ outcome: 'replayed' });
    await allRead();
    expect(await stored()).toHaveLength(1);
  });

  test('a time that is wanting is not made good by waiting: the window is that of the log time', async () => {
    const edge = Date.now() - 90 * DAY + 3_000;
    const [id = ''] = await deadLetters(direct({ ...typo, occurredAt: edge }));
    const logMs = Date.parse((await show(id)).logTime);
    await query.pool.query("UPDATE dead_letters SET log_time = log_time - interval '10 days' WHERE id = $1", [id]);
    expect(await replay(id, { event: { ...mended, occurredAt: edge }, dryRun: true })).toMatchObject({
      outcome: 'would-replay',
    });
    // Without a time of its own it is of the time at which the log took it.
    expect(await replay(id, { event: mended, dryRun: true })).toMatchObject({ outcome: 'would-replay' });
    const tooNew = logMs - 8 * DAY;
    expect(await replay(id, { event: { ...mended, occurredAt: tooNew }, dryRun: true })).toMatchObject({
      errors: [{ code: 'time_too_new' }],
    });
  });

  test('a trial says what would come of it, and writes nothing', async () => {
    const [id = '', other = ''] = await deadLetters(direct(typo), direct('rubbish'));
    const before = await query.pool.query('SELECT * FROM dead_letters ORDER BY id');
    const eventId = (await replay(id, { event: mended, dryRun: true })).eventId;
    expect(await replay(id, { event: mended, dryRun: true })).toEqual({
      id,
      outcome: 'would-replay',
      eventId,
      sessionId: 's-1',
      event: { ...mended, eventId },
    });
    expect((await query.post('/v1/dead-letters/replay', { dryRun: true })).body).toMatchObject({
      results: [
        { id, outcome: 'refused' },
        { id: other, outcome: 'refused' },
      ],
      nextCursor: null,
    });
    expect((await query.pool.query('SELECT * FROM dead_letters ORDER BY id')).rows).toEqual(before.rows);
    expect(await appended()).toBe(0);
  });

  test('another copy of one that was replayed is refused: it would be another event', async () => {
    const [id = ''] = await deadLetters(direct(typo));
    await replay(id, { event: mended });
    expect(await replay(id, { event: { ...mended, sessionId: 's-2' } })).toMatchObject({
      outcome: 'refused',
      errors: [{ code: 'already_replayed', message: expect.stringContaining('was replayed at') }],
    });
    await allRead();
    expect(await stored()).toMatchObject([{ sessionId: 's-1' }]);
  });

  test('of two at the same time with different copies one is replayed, and the other refused', async () => {
    const [id = ''] = await deadLetters(direct(typo));
    const copies = Array.from({ length: 8 }, (_, index) => ({ ...mended, sessionId: `s-${index}` }));
    const answers = await Promise.all(copies.map((event) => replay(id, { event })));
    expect(answers.map(({ outcome }) => outcome).sort()).toEqual([...Array(7).fill('refused'), 'replayed'].sort());
    await allRead();
    expect(await stored()).toHaveLength(1);
  });

  test('what was discarded can be replayed all the same, and is open no more', async () => {
    const [id = ''] = await deadLetters(direct(typo));
    await query.post(`/v1/dead-letters/${id}/discard`);
    expect((await query.post('/v1/dead-letters/replay')).body.results).toEqual([]);
    expect(await replay(id, { event: mended })).toMatchObject({ outcome: 'replayed' });
    expect(await show(id)).toMatchObject({ state: 'replayed', discardedAt: null });
  });
});

describe('T8: replaying what a filter selects', () => {
  /** Events that were refused because of their time, and are not any more. */
  async function lateEvents(sessions: readonly string[]): Promise<string[]> {
    const occurredAt = (index: number) => Date.now() - 100 * DAY + index;
    const made = await deadLetters(
      ...sessions.map((sessionId, index) => direct({ sessionId, type: 'click', occurredAt: occurredAt(index) })),
    );
    await changeProject(query.pool, { id: 1, slug: 'x', name: 'x' }, { pastDays: 365 });
    return made;
  }

  test('T7: those of a session go in the order in which the log had them', async () => {
    const sessions = ['b', 'a', 'c', 'a', 'b', 'a', 'c', 'b'];
    await lateEvents(sessions);
    const { results, nextCursor } = (await query.post('/v1/dead-letters/replay?code=time_too_old')).body;
    expect(results.map(({ outcome }: { outcome: string }) => outcome)).toEqual(sessions.map(() => 'replayed'));
    expect(nextCursor).toBeNull();
    for (const sessionId of new Set(sessions)) {
      const order: number[] = [];
      for (const { topic, partition, start, end } of await query.log.ranges(TOPICS.events)) {
        for (let offset = start; offset < end; offset++) {
          const record = await query.log.peek({ topic, partition, offset });
          const { event } = JSON.parse(String(record?.value)) as LoggedEvent;
          expect(record?.key?.toString()).toBe(event.sessionId);
          if (event.sessionId === sessionId) order.push(event.occurredAt as number);
        }
      }
      expect(order).toHaveLength(sessions.filter((each) => each === sessionId).length);
      expect(order).toEqual([...order].sort((a, b) => a - b));
    }
    await allRead();
    expect(await stored()).toHaveLength(sessions.length);
    expect((await query.post('/v1/dead-letters/replay')).body.results).toEqual([]);
    expect((await query.post('/v1/dead-letters/replay?state=replayed')).body.results).toHaveLength(sessions.length);
    await allRead();
    expect(await stored()).toHaveLength(sessions.length);
  });

  test('goes in pages, passing over what is refused', async () => {
    const made = await lateEvents(['a', 'b', 'a', 'b', 'a']);
    await query.pool.query(`UPDATE dead_letters SET record_value = 'x' WHERE id = $1`, [made[1]]);
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await query.post(`/v1/dead-letters/replay?limit=2${cursor && `&cursor=${cursor}`}`);
      expect(body.results.length).toBeLessThanOrEqual(2);
      seen.push(...body.results.map(({ id, outcome }: { id: string; outcome: string }) => `${id} ${outcome}`));
      cursor = body.nextCursor;
    } while (cursor);
    expect(seen).toEqual(made.map((id, index) => `${id} ${index === 1 ? 'refused' : 'replayed'}`));
    await allRead();
    expect(await stored()).toHaveLength(4);
  });

  test('a page holds no more bytes than a request may read', async () => {
    const context = { text: 'x'.repeat(32_000) };
    const sessions = Array.from({ length: 300 }, (_, index) => `s-${index}`);
    const occurredAt = Date.now() - 100 * DAY;
    await deadLetters(...sessions.map((sessionId) => direct({ sessionId, type: 'click', occurredAt, context })));
    const { results, nextCursor } = (await query.post('/v1/dead-letters/replay?limit=1000', { dryRun: true })).body;
    expect(results.length).toBeGreaterThan(100);
    expect(results.length).toBeLessThan(140);
    expect(nextCursor).toEqual(expect.any(String));
  });
});

describe('I6: dead letters of keys', () => {
  test('that were revoked are replayed only where that is asked for', async () => {
    await query.pool.query(
      `INSERT INTO projects (id, slug, name) OVERRIDING SYSTEM VALUE VALUES (1, 'x', 'x');
       INSERT INTO write_keys (project_id, key_id, name, allow_import) VALUES (1, 'k1', 'k', false)`,
    );
    const [id = ''] = await deadLetters(direct(typo));
    await revokeKey(query.pool, { projectId: 1, keyId: 'k1' });
    expect(await replay(id, { event: mended })).toMatchObject({ outcome: 'replayed' });

    const [later = ''] = await deadLetters(direct(typo));
    expect(await replay(later, { event: mended })).toMatchObject({ errors: [{ code: 'revoked_key' }] });
    expect(await replay(later, { event: mended, ignoreKey: true })).toMatchObject({ outcome: 'replayed' });
    await allRead();
    expect(await stored()).toHaveLength(2);
  });

  test('of a closed project are not replayed until it is open again', async () => {
    const project = { id: 1, slug: 'x', name: 'x' };
    await query.pool.query(`INSERT INTO settings (key, value, version) VALUES ('project:1', '{"disabledAt": 5}', 1)`);
    const [id = ''] = await deadLetters(direct(typo));
    expect(await replay(id, { event: mended, ignoreKey: true })).toMatchObject({
      errors: [{ code: 'disabled_project' }],
    });
    await changeProject(query.pool, project, { disabled: false });
    expect(await replay(id, { event: mended })).toMatchObject({ outcome: 'replayed' });
  });

  test("that nobody made are nobody's: no admin sees or replays them", async () => {
    const [unknown = '', missing = ''] = await deadLetters(direct(mended, 'wlk_1_k1_w_0'), direct(mended, null));
    for (const id of [unknown, missing]) {
      expect((await query.post(`/v1/dead-letters/${id}/replay`, { ignoreKey: true })).status).toBe(404);
    }
    expect((await query.post('/v1/dead-letters/replay', { ignoreKey: true })).body.results).toEqual([]);
    expect(await appended()).toBe(0);
  });
});

describe('dead letters of what was acknowledged at the door', () => {
  const receivedAt = Date.now() - 5_000;
  const eventId = '01890a5d-ac96-774b-bcce-b302099a8057';
  const good = { eventId, sessionId: 's-1', type: 'click', occurredAt: Date.now() - 60_000 };
  const logged = async (event: object): Promise<string> => {
    const value = Buffer.from(JSON.stringify({ project: 1, receivedAt, skew: 7_000, event }));
    await query.log.append(TOPICS.events, [{ key: 's-1', value }]);
    if (!worker) await startWorker();
    await allRead();
    const { rows } = await query.pool.query('SELECT max(id) AS id FROM dead_letters');
    return String(rows[0].id);
  };

  test('keep their time of receipt and their skew, and the id', async () => {
    const id = await logged({ ...good, page: 'a\0b' });
    expect(await show(id)).toMatchObject({ code: 'contains_nul', eventId, event: { page: 'a\0b' } });
    expect(await replay(id)).toMatchObject({ outcome: 'refused', errors: [{ code: 'contains_nul' }] });
    const { eventId: _, ...withoutId } = good;
    expect(await replay(id, { event: { ...withoutId, page: 'ab' } })).toMatchObject({ outcome: 'replayed', eventId });
    await allRead();
    expect(await query.read(`/v1/events/${eventId}?sessionId=s-1`)).toMatchObject({
      fate: 'stored',
      event: { page: 'ab', skewMs: 7_000, receivedAt: new Date(receivedAt).toISOString() },
    });
  });

  test('that PostgreSQL refused are not tried again where the event is to blame', async () => {
    const id = await logged({
      ...good,
      sessionId: Array.from({ length: 3000 }, () => Math.random().toString(36)).join(''),
    });
    expect(await show(id)).toMatchObject({ code: 'unstorable' });
    expect(await replay(id)).toMatchObject({ errors: [{ pointer: '/sessionId', code: 'too_long' }] });
    expect(await replay(id, { event: good })).toMatchObject({ outcome: 'replayed' });
    await allRead();
    expect(await stored()).toHaveLength(1);
  });

  test('that PostgreSQL refused once, through no fault of the event, are stored as they are', async () => {
    const value = { project: 1, receivedAt, event: good };
    const id = await query.deadLetter(
      { code: 'unstorable', detail: 'x', eventId, sessionId: 's-1' },
      { topic: 'wayline.events', value },
    );
    expect(await replay(id)).toMatchObject({ outcome: 'replayed', event: good });
  });
});

describe('T13: a replay that breaks off', () => {
  test('may be in the log or not: it is open, no other copy is taken, it cannot be discarded, and it is stored once', async () => {
    const [id = ''] = await deadLetters(direct(typo));
    append = async (log, topic, records) => {
      await log.append(topic, records);
      throw new LogUnavailableError('unavailable', 'the answer was lost');
    };
    expect(await query.post(`/v1/dead-letters/${id}/replay`, { event: mended })).toMatchObject({
      status: 503,
      body: { code: 'log_unavailable', retryable: true },
    });
    append = undefined;
    expect(await show(id)).toMatchObject({ state: 'open', replay: mended });
    expect((await query.post(`/v1/dead-letters/${id}/discard`)).body.outcome).toBe('already-replaying');
    expect(await replay(id, { event: { ...mended, sessionId: 's-2' } })).toMatchObject({
      errors: [{ code: 'already_replayed', message: expect.stringContaining('is being replayed') }],
    });
    expect((await query.post('/v1/dead-letters/replay')).body.results).toMatchObject([{ id, outcome: 'replayed' }]);
    await allRead();
    expect(await stored()).toMatchObject([{ sessionId: 's-1' }]);
    await expectBalance({ stored: 1, duplicate: 1, deadLettered: 1 });
  });

  test('of one that the log never takes, the others are replayed, and it stays open for another copy', async () => {
    const occurredAt = Date.now() - 100 * DAY;
    const ids = await deadLetters(
      ...['a', 'large', 'b'].map((sessionId) => direct({ sessionId, type: 'click', occurredAt })),
    );
    append = async (log, topic, records) => {
      if (records.some(({ key }) => key === 'large')) throw new RecordTooLargeError('too large');
      await log.append(topic, records);
    };
    const path = '/v1/dead-letters/replay';
    const { results } = (await query.post(path, {}, { scopes: ['admin'], allowImport: true })).body;
    expect(results).toMatchObject([
      { id: ids[0], outcome: 'replayed' },
      { id: ids[1], outcome: 'refused', errors: [{ code: 'too_large' }] },
      { id: ids[2], outcome: 'replayed' },
    ]);
    expect(await show(ids[1] as string)).toMatchObject({ state: 'open', replay: null });
    await allRead();
    expect(await stored()).toHaveLength(2);
  });
});

describe('T9: replaying and erasing', () => {
  const named = { ...mended, userId: 'u-9' };
  const erase = () => eraseUser(query.pool, { projectId: 1, userId: 'u-9', pauseShare: 0 });

  test('what belongs to an erased user is not replayed', async () => {
    const [id = ''] = await deadLetters(direct(typo));
    await erase();
    expect(await replay(id, { event: named })).toMatchObject({ outcome: 'refused', errors: [{ code: 'erased' }] });
    expect(await appended()).toBe(0);
    expect(await replay(id, { event: mended })).toMatchObject({ outcome: 'replayed' });
  });

  test('a dead letter whose edited copy alone names the user is erased, and so is what the log still has of it', async () => {
    const [id = ''] = await deadLetters(direct(typo));
    await worker?.stop();
    worker = undefined;
    expect(await replay(id, { event: named })).toMatchObject({ outcome: 'replayed' });
    await erase();
    expect((await query.get(`/v1/dead-letters/${id}`, { scopes: ['admin'] })).status).toBe(404);
    await startWorker();
    await allRead();
    expect(await stored()).toEqual([]);
    await expectBalance({ stored: 0, duplicate: 0, deadLettered: 0 });
  });
});
