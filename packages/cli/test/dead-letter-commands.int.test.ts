import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { TOPICS } from '@wayline/contracts';
import { signAccessToken } from '@wayline/identity/verify';
import { type QueryUnderTest, SECRET, SESSION_START, startQuery } from '../../query/test/query-under-test.ts';
import {
  discardDeadLetters,
  listDeadLetters,
  replayDeadLetters,
  type Selection,
} from '../src/commands/dead-letters.ts';
import { loadConfig } from '../src/config.ts';

let api: QueryUnderTest;
let config: ReturnType<typeof loadConfig<'dead-letters'>>;
beforeAll(async () => {
  api = await startQuery();
  const claims = { projectId: 1, subject: 'tester', scopes: ['admin' as const], expiresInSeconds: 600 };
  const token = await signAccessToken(claims, SECRET);
  config = loadConfig('dead-letters', { WAYLINE_URL: api.url, WAYLINE_TOKEN: token, WAYLINE_DATA_DIR: '/nowhere' });
});
beforeEach(() => api.pool.query('TRUNCATE dead_letters'));
afterAll(() => api.close());

const iso = (ms: number): string => new Date(SESSION_START + ms).toISOString();
const putAside = (ms: number, fields: { code?: string; sessionId?: string; topic?: string; value?: object }) => {
  const { code = 'unreadable', sessionId, topic, value } = fields;
  return api.deadLetter(
    { code: code as 'unreadable', detail: `for ${code}`, sessionId },
    { logMs: SESSION_START + ms, topic, value },
  );
};
// biome-ignore lint/suspicious/noExplicitAny: what is printed as JSON
const list = async (selection: Selection & { limit?: number }): Promise<any> =>
  (await listDeadLetters(config, { limit: 100, ...selection })).fields;
const idsOf = async (selection: Selection): Promise<string[]> =>
  (await list(selection)).deadLetters.map(({ id }: { id: string }) => id);

test('T8: each filter selects what it says, and they do so together', async () => {
  const a = await putAside(0, { sessionId: 's-1' });
  const b = await putAside(1, { sessionId: 's-2', topic: TOPICS.direct });
  const c = await putAside(2, { sessionId: 's-1', code: 'unknown_field' });
  await discardDeadLetters(config, [a], {});
  const { cause } = (await list({ code: 'unknown_field' })).deadLetters[0];
  expect(await idsOf({})).toEqual([c, b]);
  expect(await idsOf({ state: 'all' })).toEqual([c, b, a]);
  expect(await idsOf({ state: 'discarded' })).toEqual([a]);
  expect(await idsOf({ session: 's-1' })).toEqual([c]);
  expect(await idsOf({ topic: TOPICS.direct })).toEqual([b]);
  expect(await idsOf({ code: 'unreadable' })).toEqual([b]);
  expect(await idsOf({ cause })).toEqual([c]);
  expect(await idsOf({ from: iso(2) })).toEqual([c]);
  expect(await idsOf({ to: iso(2) })).toEqual([b]);
  expect(await idsOf({ state: 'all', session: 's-1', to: iso(2) })).toEqual([a]);
});

test('T8: more than a page of them are listed, tried and discarded to the last', async () => {
  await putAside(0, {});
  await api.pool.query(
    `INSERT INTO dead_letters (project_id, log_id, topic, partition, log_offset, log_time, code, detail, record_value)
     SELECT project_id, log_id, topic, partition, log_offset + n, log_time, code, detail, record_value
     FROM dead_letters, generate_series(1, 2004) AS n`,
  );
  const listed = await list({ limit: 2_001 });
  expect([listed.deadLetters.length, listed.more]).toEqual([2_001, true]);
  expect(await replayDeadLetters(config, [], { all: true, dryRun: true })).toMatchObject({
    fields: { wouldReplay: 0, refused: 2_005 },
    exitCode: 1,
  });
  expect(await discardDeadLetters(config, [], { all: true })).toMatchObject({ fields: { discarded: 2_005 } });
  expect(await idsOf({})).toEqual([]);
});

test('T7, T8: those that are named are replayed in the order of the log, whatever the order of the names', async () => {
  const value = (page: string) => ({ sessionId: 's-1', type: 'click', page, occurredAt: iso(0) });
  const ids: string[] = [];
  for (const page of ['/1', '/2', '/3']) ids.push(await putAside(0, { topic: TOPICS.direct, value: value(page) }));
  const reversed = ids.toReversed();
  const { fields } = await replayDeadLetters(config, reversed, { ignoreKey: true });
  expect(fields).toMatchObject({ replayed: 3, results: ids.map((id) => ({ id, outcome: 'replayed' })) });
});

test('I6: without a key that is valid they are replayed only where that is asked for, and a trial is none', async () => {
  const value = { sessionId: 's-1', type: 'click', occurredAt: iso(0) };
  const id = await putAside(0, { topic: TOPICS.direct, value });
  const refused = { results: [{ outcome: 'refused', errors: [{ code: 'unknown_key' }] }] };
  expect(await replayDeadLetters(config, [id], {})).toMatchObject({ fields: refused, exitCode: 1 });
  const trial = await replayDeadLetters(config, [], { all: true, ignoreKey: true, dryRun: true });
  expect(trial).toMatchObject({ fields: { wouldReplay: 1 }, exitCode: 0 });
  expect(await idsOf({})).toEqual([id]);
  expect(await replayDeadLetters(config, [id], { ignoreKey: true })).toMatchObject({
    fields: { replayed: 1 },
    exitCode: 0,
  });
  expect(await idsOf({ state: 'replayed' })).toEqual([id]);
});
