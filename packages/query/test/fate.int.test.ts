import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { uuidV7 } from '@wayline/contracts';
import { eventAt, type QueryUnderTest, SESSION_START, startQuery } from './query-under-test.ts';

let query: QueryUnderTest;
beforeAll(async () => {
  query = await startQuery();
});
afterAll(() => query.close());

const DAY = 86_400_000;
const iso = (ms: number): string => new Date(SESSION_START + ms).toISOString();
let made = 0;
/** An id that does not tell its time. */
const timeless = (): string => `00000000-0000-4000-8000-${String(++made).padStart(12, '0')}`;

describe('T11: the fate of an event', () => {
  test('stored: when, and from which partition and offset of which log', async () => {
    const before = Date.now();
    const event = eventAt(0, { sessionId: 'fate', context: { a: 1 } });
    await query.store([eventAt(0), eventAt(0), event]);
    const { rows } = await query.pool.query('SELECT next_offset FROM positions');
    const fate = await query.read(`/v1/events/${event.eventId}`);
    expect(fate).toEqual({
      fate: 'stored',
      storedAt: expect.any(String),
      topic: 'elsewhere',
      partition: 0,
      offset: rows[0].next_offset - 1,
      logId: query.log.id,
      event: expect.objectContaining({ eventId: event.eventId, sessionId: 'fate', context: { a: 1 } }),
    });
    expect(Date.parse(fate.storedAt)).toBeGreaterThanOrEqual(before - 5);
    expect(Date.parse(fate.storedAt)).toBeLessThanOrEqual(Date.now() + 5);
  });

  test('of a duplicate: that of the event it repeats, from where that stood', async () => {
    const event = eventAt(5, { sessionId: 'repeated' });
    await query.store([event]);
    const first = await query.read(`/v1/events/${event.eventId}`);
    await query.store([event, event]);
    expect(await query.read(`/v1/events/${event.eventId}`)).toEqual(first);
  });

  test('is found by the time in the id, by `at`, by the session, or by the id alone, wherever it is', async () => {
    const v7 = eventAt(0, { sessionId: 'where' });
    const far = { ...eventAt(-200 * DAY, { sessionId: 'where' }), eventId: uuidV7(SESSION_START) };
    const alone = eventAt(-3 * DAY, { sessionId: 'where', eventId: timeless() });
    await query.store([v7, far, alone]);
    await query.store([eventAt(0, { sessionId: 'where', eventId: 'a0000000-0000-4000-8000-00000000000f' })], {
      skewMs: 23 * 3_600_000,
    });
    const found = async (address: string) => (await query.read(`/v1/events/${address}`)).event.occurredAt;
    expect(await found(v7.eventId)).toBe(iso(0));
    expect(await found(v7.eventId.toUpperCase())).toBe(iso(0));
    expect(await found(far.eventId)).toBe(iso(-200 * DAY));
    expect(await found(alone.eventId)).toBe(iso(-3 * DAY));
    expect(await found(`${alone.eventId}?at=${iso(-3 * DAY)}`)).toBe(iso(-3 * DAY));
    expect(await found(`${alone.eventId}?at=${iso(50 * DAY)}`)).toBe(iso(-3 * DAY));
    expect(await found(`${alone.eventId}?sessionId=where`)).toBe(iso(-3 * DAY));
    expect(await found(`a0000000-0000-4000-8000-00000000000f?at=${iso(23 * 3_600_000)}`)).toBe(iso(0));
  });

  test('of several events with one id the first is told, and how many others there are; the session chooses', async () => {
    const eventId = timeless();
    await query.store([
      eventAt(2, { eventId, sessionId: 'one' }),
      eventAt(1, { eventId, sessionId: 'two' }),
      eventAt(3, { eventId, sessionId: 'two' }),
    ]);
    for (const at of ['', `?at=${iso(0)}`]) {
      expect(await query.read(`/v1/events/${eventId}${at}`)).toMatchObject({
        others: 2,
        event: { sessionId: 'two', occurredAt: iso(1) },
      });
    }
    const one = await query.read(`/v1/events/${eventId}?sessionId=one`);
    expect(one).toMatchObject({ event: { sessionId: 'one' } });
    expect(one).not.toHaveProperty('others');
  });

  test('a session that began days before is one of the moment, too', async () => {
    const eventId = timeless();
    await query.store([
      eventAt(-3 * DAY, { sessionId: 'days' }),
      eventAt(0, { eventId, sessionId: 'days' }),
      eventAt(2 * DAY, { sessionId: 'days' }),
      eventAt(1, { eventId, sessionId: 'minutes' }),
    ]);
    expect(await query.read(`/v1/events/${eventId}?at=${iso(0)}`)).toMatchObject({
      others: 1,
      event: { sessionId: 'days', occurredAt: iso(0) },
    });
  });

  test('I5: an event of another project is not found, though it has a session of that id at that time', async () => {
    const eventId = timeless();
    await query.store([eventAt(0, { sessionId: 'shared' })]);
    await query.store([eventAt(0, { eventId, sessionId: 'shared' })], { projectId: 2 });
    for (const also of ['', `?at=${iso(0)}`, '?sessionId=shared']) {
      expect(await query.get(`/v1/events/${eventId}${also}`)).toMatchObject({ status: 404, body: { fate: 'unknown' } });
    }
  });

  test('within its session it is found whatever time is said beside it, and however long the session is', async () => {
    const eventId = timeless();
    await query.store([
      eventAt(0, { eventId, sessionId: 'long' }),
      eventAt(5 * DAY, { eventId, sessionId: 'long' }),
      eventAt(6 * DAY, { sessionId: 'long' }),
    ]);
    for (const at of ['', `&at=${iso(0)}`, `&at=${iso(5 * DAY)}`, `&at=${iso(-40 * DAY)}`]) {
      expect(await query.read(`/v1/events/${eventId}?sessionId=long${at}`)).toMatchObject({
        others: 1,
        event: { occurredAt: iso(0) },
      });
    }
  });

  test('dead-lettered: why, and where it stood; and whether it was replayed', async () => {
    const eventId = timeless();
    await query.deadLetter({ code: 'time_too_old', detail: 'too long ago', eventId, sessionId: 'dead' });
    const { rows } = await query.pool.query('SELECT next_offset FROM positions');
    const expected = {
      fate: 'dead-lettered',
      reason: 'time_too_old',
      detail: 'too long ago',
      deadLetter: expect.stringMatching(/^\d+$/),
      topic: 'elsewhere',
      partition: 0,
      offset: rows[0].next_offset - 1,
      logId: query.log.id,
      at: expect.stringMatching(/Z$/),
    };
    expect(await query.read(`/v1/events/${eventId}`)).toEqual(expected);
    expect(await query.read(`/v1/events/${eventId}?sessionId=dead`)).toEqual(expected);
    expect(await query.get(`/v1/events/${eventId}?sessionId=another`)).toMatchObject({ status: 404 });
    await query.pool.query('UPDATE dead_letters SET replayed_at = $1 WHERE event_id = $2', [iso(7), eventId]);
    expect(await query.read(`/v1/events/${eventId}`)).toEqual({ ...expected, replayedAt: iso(7) });
    await query.pool.query('UPDATE dead_letters SET discarded_at = $1 WHERE event_id = $2', [iso(8), eventId]);
    expect(await query.read(`/v1/events/${eventId}`)).toMatchObject({ discardedAt: iso(8) });
  });

  test('one that was put aside first and stored later is stored', async () => {
    const eventId = timeless();
    await query.deadLetter({ code: 'unknown_field', detail: 'typo', eventId, sessionId: 'mended' });
    await query.store([eventAt(0, { eventId, sessionId: 'mended' })]);
    expect(await query.read(`/v1/events/${eventId}`)).toMatchObject({ fate: 'stored' });
  });

  test('unknown: up to when it is known to be unknown', async () => {
    for (const address of [timeless(), uuidV7(SESSION_START), `${timeless()}?sessionId=never`]) {
      const { status, body, headers } = await query.get(`/v1/events/${address}`);
      expect(status).toBe(404);
      expect(headers.get('content-type')).toBe('application/json');
      expect(body).toEqual({ fate: 'unknown', completeThrough: expect.stringMatching(/Z$/), lagging: [] });
    }
  });

  test('an id that is no UUID is refused', async () => {
    expect(await query.get('/v1/events/12')).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });
});
