import { beforeEach, describe, expect, test } from '@jest/globals';
import { TOPICS } from '@wayline/contracts';
import { changeProject, revokeKey } from '@wayline/identity';
import { eraseUser } from '@wayline/store';
import type { QueryUnderTest } from '../../query/test/query-under-test.ts';
import { direct, mended, replayScene, typo } from './replay-scene.ts';

const scene = replayScene();
const { allRead, appended, deadLetters, expectBalance, replay, show, startWorker, stopWorker, stored } = scene;
let query: QueryUnderTest;
beforeEach(() => {
  query = scene.query();
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
    await startWorker();
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
    await stopWorker();
    expect(await replay(id, { event: named })).toMatchObject({ outcome: 'replayed' });
    await erase();
    expect((await query.get(`/v1/dead-letters/${id}`, { scopes: ['admin'] })).status).toBe(404);
    await startWorker();
    await allRead();
    expect(await stored()).toEqual([]);
    await expectBalance({ stored: 0, duplicate: 0, deadLettered: 0 });
  });
});
