import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eraseUser } from '@wayline/store';
import { app, eventAt, microservice, type QueryUnderTest, startQuery } from './query-under-test.ts';
import { openTail, type TailAsking, type TailClient } from './tail-client.ts';

let api: QueryUnderTest;
const tails: TailClient[] = [];

beforeAll(async () => {
  api = await startQuery({ tailLimits: { pollMs: 20, heartbeatMs: 100 } });
});
afterEach(() => {
  for (const tail of tails.splice(0)) tail.close();
});
afterAll(() => api.close());

async function follow(query = '', asking: TailAsking = {}): Promise<TailClient> {
  const tail = await openTail(api, query, asking);
  tails.push(tail);
  return tail;
}

/** Several events with one more at the end, of its own session, after which nothing more is to come. */
const LAST = 'the-last';
const endsWith = (tail: TailClient) =>
  tail.until(() => tail.blocks.some(({ data }) => data.type === LAST)).then(() => tail.eventIds());
const typesOf = (tail: TailClient) => tail.blocks.map(({ data }) => data.type);

describe('A10: the live tail', () => {
  test('an event comes as soon as it is stored, as every door tells it', async () => {
    const tail = await follow();
    expect(tail.status).toBe(200);
    expect(tail.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-request-id': expect.any(String),
    });
    const event = eventAt(0, { sessionId: 'as-told', userId: 'u-1', ...app('shop'), context: { text: 'a\nb' } });
    await api.store([event]);
    const [block] = await tail.next(1);
    const { events } = await api.read('/v1/sessions/as-told/events');
    expect(block).toMatchObject({ event: 'message', data: events[0], id: expect.stringMatching(/^[\w!*.-]+$/) });
  });

  test('nothing that was stored before', async () => {
    await api.store([eventAt(0, { type: 'before' })]);
    const tail = await follow('?sessionId=s-after');
    await api.store([eventAt(1, { sessionId: 's-after', type: 'after' })]);
    await tail.next(1);
    expect(typesOf(tail)).toEqual(['after']);
  });

  const told = {
    sessionId: 's-f',
    userId: 'u-f',
    anonymousId: 'a-f',
    machineId: 'm-f',
    type: 'wanted',
    namespace: 'n-f',
    ...app('app-f'),
  };
  test.each([
    { query: 'sessionId=s-f', but: { sessionId: 's-other' } },
    { query: 'userId=u-f', but: { userId: 'u-other' } },
    { query: 'userId=a-f', but: { anonymousId: 'a-other' } },
    { query: 'machineId=m-f', but: { machineId: 'm-other' } },
    { query: 'type=wanted', but: { type: 'unwanted' } },
    { query: 'namespace=n-f', but: { namespace: 'n-other' } },
    { query: 'app=app-f', but: app('app-other') },
    { query: 'app=app-f', but: microservice('app-f') },
    { query: 'sessionId=s-f&machineId=m-f&type=wanted', but: { machineId: 'm-other' } },
    { query: 'sessionId=s-f&type=wanted', but: { sessionId: 's-other' } },
  ])('$query lets through what fits, and not what has $but', async ({ query, but }) => {
    const tail = await follow(`?${query}`);
    const fits = eventAt(0, told);
    const both = [eventAt(1, { ...told, ...but }), fits, eventAt(2, { ...told, ...but })];
    await api.store(both);
    const last = eventAt(3, told);
    await api.store([last]);
    await tail.next(2);
    expect(tail.eventIds()).toEqual([fits.eventId, last.eventId]);
  });

  test('who asks by app gets its events also beside others who ask otherwise, and each only its own', async () => {
    const queries = ['?app=app-g', '?sessionId=s-g', '?microservice=app-g', '?namespace=n-g&app=app-g'];
    const tails = await Promise.all(queries.map((query) => follow(query)));
    const events = [
      eventAt(0, { type: 'a', ...app('app-g') }),
      eventAt(1, { type: 'b', sessionId: 's-g' }),
      eventAt(2, { type: 'c', ...microservice('app-g') }),
      eventAt(3, { type: 'd', ...app('app-g'), namespace: 'n-g' }),
      eventAt(4, { type: LAST, ...app('app-g'), namespace: 'n-g', sessionId: 's-g' }),
      eventAt(5, { type: LAST, ...microservice('app-g') }),
    ];
    await api.store(events);
    await Promise.all(tails.map((tail) => endsWith(tail)));
    expect(tails.map((tail) => typesOf(tail).slice(0, -1).join())).toEqual(['a,d', 'b', 'c', 'd']);
  });

  test('a name whose hash belongs to another is told apart from that', async () => {
    const { NAME_KINDS, nameId } = await import('@wayline/store');
    await api.pool.query('INSERT INTO names (project_id, kind, id, name) VALUES (1, $1, $2, $3)', [
      NAME_KINDS.type,
      nameId(NAME_KINDS.type, 'second-of-two'),
      'first-of-two',
    ]);
    const tail = await follow('?type=second-of-two');
    await api.store([eventAt(0, { type: 'second-of-two' })]);
    await tail.next(1);
    expect(typesOf(tail)).toEqual(['second-of-two']);
  });

  test('an event whose hash is the same, and whose name is another, does not come', async () => {
    const { NAME_KINDS, nameId } = await import('@wayline/store');
    const id = nameId(NAME_KINDS.type, 'asked-for');
    const tail = await follow('?type=asked-for');
    const all = await follow(''); // what it was sent the other was looked at for, too
    await api.store([eventAt(0, { type: 'asked-for', sessionId: 'its-own' })]);
    await tail.next(1);
    // As though the hash of the name that is asked for belonged to another.
    await api.pool.query(`UPDATE names SET name = 'had-it-before' WHERE project_id = 1 AND kind = $1 AND id = $2`, [
      NAME_KINDS.type,
      id,
    ]);
    const other = eventAt(1, { type: 'asked-for', sessionId: 'another' });
    await api.store([other]);
    await all.until(() => all.eventIds().includes(other.eventId));
    expect((await api.read('/v1/sessions/another/events')).events[0].type).toBe('had-it-before');
    expect((await api.read('/v1/sessions?type=asked-for')).sessions).toEqual([]);
    await api.pool.query(`UPDATE names SET name = 'asked-for' WHERE project_id = 1 AND kind = $1 AND id = $2`, [
      NAME_KINDS.type,
      id,
    ]);
    const last = eventAt(2, { type: 'asked-for', sessionId: 'its-own' });
    await api.store([last]);
    await tail.until(() => tail.eventIds().includes(last.eventId));
    expect(tail.blocks.map(({ data }) => data.sessionId)).toEqual(['its-own', 'its-own']);
  });

  test('T13: a database that fails for a while ends no tail: what is stored afterwards comes', async () => {
    const tail = await follow();
    await api.store([eventAt(0, { type: 'before' })]);
    await tail.next(1);
    await api.pool.query('ALTER TABLE positions RENAME TO away');
    const beats = tail.comments();
    await tail.until(() => tail.comments() > beats + 1); // several looks since
    await api.pool.query('ALTER TABLE away RENAME TO positions');
    await api.store([eventAt(1, { type: LAST })]);
    await endsWith(tail);
    expect(typesOf(tail)).toEqual(['before', LAST]);
  });

  test('I5: of another project nothing comes, whatever the filter', async () => {
    const [mine, theirs, session] = await Promise.all([
      follow('', { projectId: 1 }),
      follow('', { projectId: 2 }),
      follow('?sessionId=s-both', { projectId: 2 }),
    ]);
    await api.store([eventAt(0, { sessionId: 's-both', type: 'of-1' })], { projectId: 1 });
    await api.store([eventAt(1, { sessionId: 's-both', type: 'of-2' })], { projectId: 2 });
    await api.store([eventAt(2, { type: LAST })], { projectId: 1 });
    await Promise.all([endsWith(mine), theirs.next(1), session.next(1)]);
    expect(typesOf(mine)).toEqual(['of-1', LAST]);
    expect(typesOf(theirs)).toEqual(['of-2']);
    expect(typesOf(session)).toEqual(['of-2']);
  });

  test('what a worker of before stored, which did not say between which times, comes too', async () => {
    const tail = await follow();
    await api.pool.query(`CREATE FUNCTION unsaid() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN NEW.occurred_from := NULL; NEW.occurred_to := NULL; RETURN NEW; END';
      CREATE TRIGGER unsaid BEFORE INSERT ON batches FOR EACH ROW EXECUTE FUNCTION unsaid()`);
    try {
      await api.store([eventAt(0, { type: 'of-an-old-worker' })]);
    } finally {
      await api.pool.query('DROP TRIGGER unsaid ON batches; DROP FUNCTION unsaid()');
    }
    await tail.next(1);
    expect(typesOf(tail)).toEqual(['of-an-old-worker']);
  });

  test.each([
    { query: '?colour=red', status: 400, code: 'invalid_request' },
    { query: '?sessionId=', status: 400, code: 'invalid_request' },
    { query: '?app=a&microservice=b', status: 400, code: 'invalid_request' },
    { query: '?after=12', status: 400, code: 'invalid_cursor' },
    { query: '', asking: { credential: null }, status: 401, code: 'unauthenticated' },
    { query: '', asking: { scopes: ['aggregation' as const] }, status: 403, code: 'forbidden' },
  ])('$query $asking is refused with $status $code', async ({ query, asking, status, code }) => {
    const answer = await api.get(`/v1/tail${query}`, asking);
    expect(answer).toMatchObject({ status, body: { code } });
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  test('other methods are refused', async () => {
    expect(await api.post('/v1/tail')).toMatchObject({ status: 405 });
  });
});

describe('A10: coming back', () => {
  test('Last-Event-ID leads on from the event after, also in the midst of a batch, and ?after does the same', async () => {
    const first = await follow();
    const events = Array.from({ length: 10 }, (_, i) => eventAt(i, { sessionId: `s-back-${i % 3}` }));
    await api.store(events);
    const blocks = await first.next(10);
    expect(first.eventIds()).toEqual(events.map(({ eventId }) => eventId));
    const { id } = blocks[3] as { id: string };
    const [byHeader, byQuery] = [await follow('', { lastEventId: id }), await follow(`?after=${id}`)];
    await api.store([eventAt(20, { type: LAST })]);
    const expected = [...events.slice(4).map(({ eventId }) => eventId), expect.any(String)];
    expect(await endsWith(byHeader)).toEqual(expected);
    expect(await endsWith(byQuery)).toEqual(expected);
  });

  test('who waited for rare events does not come back to long ago: heartbeats tell the place', async () => {
    const tail = await follow('?sessionId=s-rare');
    await tail.until(() => tail.id() !== '');
    const begun = tail.id();
    await api.store([eventAt(0, { type: 'others' })]);
    await tail.until(() => tail.id() !== begun);
    expect(tail.comments()).toBeGreaterThan(0);
    expect(tail.blocks).toEqual([]);
    await api.store([eventAt(1, { sessionId: 's-rare', type: LAST })]);
    expect(await endsWith(await follow('', { lastEventId: tail.id() }))).toHaveLength(1);
  });

  test('of two places the header counts: a browser that comes back still asks with the address of before', async () => {
    const first = await follow();
    await api.store([eventAt(0), eventAt(1), eventAt(2)]);
    const [one, two] = await first.next(3);
    const back = await follow(`?after=${one?.id}`, { lastEventId: two?.id as string });
    const begun = await follow(`?after=${one?.id}`, { lastEventId: '' });
    await api.store([eventAt(3, { type: LAST })]);
    expect(await endsWith(back)).toHaveLength(2);
    expect(await endsWith(begun)).toHaveLength(3);
  });

  test('while what was missed is looked for there are signs of life, and the place stays where it was', async () => {
    const first = await follow();
    await api.store([eventAt(0), eventAt(1), eventAt(2)]);
    const [one] = await first.next(3);
    first.close();
    const holder = await api.pool.connect();
    try {
      await holder.query('BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE');
      const back = await follow('', { lastEventId: one?.id as string });
      await back.until(() => back.comments() >= 2);
      expect(back.id()).toBe(one?.id);
      await holder.query('ROLLBACK');
      await back.next(2);
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
    }
  });

  test('an id of another log begins now, and says that something may be missing', async () => {
    const tail = await follow('', { lastEventId: '00000000!wayline.events*5' });
    await api.store([eventAt(0, { type: LAST })]);
    await endsWith(tail);
    expect(tail.blocks.map(({ event, data }) => [event, data.events])).toEqual([
      ['skipped', null],
      ['message', undefined],
    ]);
  });

  test('a line break between the words of a context does not end what is told of the event', async () => {
    const tail = await follow();
    const events = [eventAt(0), eventAt(1, { context: {} })];
    await api.store(events);
    const [first] = await tail.next(2);
    const raw = '{\r\n "a": "b\\n"\n}';
    await api.pool.query('UPDATE events SET context = $2 WHERE event_id = $1', [events[1]?.eventId, raw]);
    const back = await follow('', { lastEventId: first?.id as string });
    const [block] = await back.next(1);
    expect(block?.data).toMatchObject({ eventId: events[1]?.eventId, context: { a: 'b\n' } });
  });

  test('T9: what was erased meanwhile does not come', async () => {
    const tail = await follow();
    await api.store([eventAt(0, { userId: 'u-erased', sessionId: 's-erased' }), eventAt(1, { sessionId: 's-kept' })]);
    await tail.next(2);
    const begun = tail.blocks[0]?.id as string;
    const before = begun.replace(/[^*]*$/, (offset) => (Number.parseInt(offset, 36) - 1).toString(36));
    await eraseUser(api.pool, { projectId: 1, userId: 'u-erased', pauseShare: 0 });
    const back = await follow('', { lastEventId: before });
    await api.store([eventAt(2, { type: LAST })]);
    await endsWith(back);
    expect(back.blocks.map(({ data }) => data.sessionId)).toEqual(['s-kept', 's-1']);
  });

  test('a place ahead of what this process has seen gives nothing twice', async () => {
    const tail = await follow();
    await api.store([eventAt(0)]);
    const [{ id } = { id: '' }] = await tail.next(1);
    const ahead = id.replace(/[^*]*$/, (offset) => (Number.parseInt(offset, 36) + 2).toString(36));
    const back = await follow('', { lastEventId: ahead });
    await api.store([eventAt(1, { type: 'seen' }), eventAt(2, { type: 'seen' }), eventAt(3, { type: LAST })]);
    await endsWith(back);
    expect(typesOf(back)).toEqual([LAST]);
  });

  test('a place ahead of what this process has seen is not taken back by signs of life', async () => {
    const tail = await follow();
    await api.store([eventAt(0)]);
    const [{ id } = { id: '' }] = await tail.next(1);
    const on = (_: string, offset: string) => `!elsewhere*${(Number.parseInt(offset, 36) + 1).toString(36)}`;
    const next = id.replace(/!elsewhere\*([0-9a-z]+)/, on);
    const ahead = await follow('', { lastEventId: next });
    await ahead.until(() => ahead.comments() >= 3);
    expect(ahead.id()).toBe(next);
    await api.store([eventAt(1, { type: 'seen' }), eventAt(2, { type: LAST })]);
    await endsWith(ahead);
    expect(typesOf(ahead)).toEqual([LAST]);
  });

  test('a place ahead of what this process has seen is not lost by what comes from another partition', async () => {
    const tail = await follow();
    await api.store([eventAt(0)]);
    const [{ id } = { id: '' }] = await tail.next(1);
    const twoOn = (_: string, offset: string) => `!elsewhere*${(Number.parseInt(offset, 36) + 2).toString(36)}`;
    const ahead = await follow('', { lastEventId: id.replace(/!elsewhere\*([0-9a-z]+)/, twoOn) });
    await api.append([eventAt(1, { type: 'from another partition' })]);
    for (const partition of [0, 1]) await api.catchUp(partition);
    const [another] = await ahead.next(1);
    expect(another?.data.type).toBe('from another partition');
    await api.store([eventAt(2, { type: 'seen' }), eventAt(3, { type: 'seen' }), eventAt(4, { type: LAST })]);
    const back = await follow('', { lastEventId: another?.id as string });
    await endsWith(back);
    expect(typesOf(back)).toEqual([LAST]);
  });
});
