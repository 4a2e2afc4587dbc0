import { beforeEach, describe, expect, test } from '@jest/globals';
import { type LoggedEvent, TOPICS, uuidV8 } from '@wayline/contracts';
import { LogUnavailableError, RecordTooLargeError } from '@wayline/event-log';
import { changeProject } from '@wayline/identity';
import type { QueryUnderTest } from '../../query/test/query-under-test.ts';
import { DAY, direct, mended, replayScene, typo } from './replay-scene.ts';

const scene = replayScene();
const { allRead, appendBy, appended, deadLetters, expectBalance, replay, show, startWorker, stopWorker, stored } =
  scene;
let query: QueryUnderTest;
beforeEach(() => {
  query = scene.query();
});

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
    await stopWorker();
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
    await stopWorker();
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

describe('T13: a replay that breaks off', () => {
  test('may be in the log or not: it is open, no other copy is taken, it cannot be discarded, and it is stored once', async () => {
    const [id = ''] = await deadLetters(direct(typo));
    appendBy(async (log, topic, records) => {
      await log.append(topic, records);
      throw new LogUnavailableError('unavailable', 'the answer was lost');
    });
    expect(await query.post(`/v1/dead-letters/${id}/replay`, { event: mended })).toMatchObject({
      status: 503,
      body: { code: 'log_unavailable', retryable: true },
    });
    appendBy(undefined);
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
    appendBy(async (log, topic, records) => {
      if (records.some(({ key }) => key === 'large')) throw new RecordTooLargeError('too large');
      await log.append(topic, records);
    });
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
