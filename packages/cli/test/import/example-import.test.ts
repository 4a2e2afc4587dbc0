import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createEventValidator, type IdentifiedEvent } from '@wayline/contracts';
import type { ImportReport } from '../../src/import/import-report.ts';
import { runImport } from '../../src/import/run-import.ts';
import { type StandInApi, startStandInApi } from './stand-in-api.ts';

const EXAMPLE = fileURLToPath(new URL('../../../../examples/apache_access.log.gz', import.meta.url));
const PRIVATE = ['83.149.9.216', '2001:db8'];

let folder: string;
let api: StandInApi;
let report: ImportReport;
let events: IdentifiedEvent[];
const log = { write: () => true };

/** With so little memory that it is sorted on disk, in several runs. */
const importExample = (dataDir: string, source?: string) =>
  runImport({
    input: EXAMPLE,
    format: 'access-log',
    url: api.url,
    credential: 'key',
    dataDir,
    source,
    log,
    signal: new AbortController().signal,
    tuning: { sort: { memoryBytes: 1_000_000, maxRuns: 4 }, batchEvents: 700 },
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-example-'));
  api = await startStandInApi();
  report = await importExample(folder);
  events = [...api.stored];
});
afterAll(async () => {
  await api.close();
  await rm(folder, { recursive: true });
});

const distinct = (values: Iterable<unknown>): number => new Set(values).size;
const countBy = (values: readonly unknown[]) => {
  const counts = new Map<unknown, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a);
};

describe('O9: importing the example access log', () => {
  test('the report: every line is an event, in 3224 sessions', () => {
    expect(report).toMatchObject({
      lines: 10_000,
      accepted: 10_000,
      refused: 0,
      sessions: 3224,
      cut: 0,
      interrupted: false,
    });
  });

  test('the facts that are known of it', () => {
    expect(events.length).toBe(10_000);
    expect(distinct(events.map(({ eventId }) => eventId))).toBe(10_000);
    expect(distinct(events.map(({ sessionId }) => sessionId))).toBe(3224);
    expect(distinct(events.map(({ context }) => context?.client))).toBe(1753);
    expect(distinct(events.map(({ anonymousId }) => anonymousId))).toBe(1862);
    const hours = countBy(events.map(({ occurredAt }) => String(occurredAt).slice(0, 13)));
    expect(hours.length).toBe(84);
    expect(hours[0]).toEqual(['2015-05-19T19', 136]);
    const inOrder = hours.map(([hour]) => hour).sort();
    expect([inOrder[0], inOrder.at(-1)]).toEqual(['2015-05-17T10', '2015-05-20T21']);
    expect(events.filter(({ referrer }) => referrer !== undefined).length).toBe(5927);
    const statuses = new Map(countBy(events.map(({ context }) => context?.status)));
    expect([statuses.get(200), statuses.get(404)]).toEqual([9126, 213]);
    expect(countBy(events.map(({ page }) => page))[0]).toEqual(['/favicon.ico', 807]);
  });

  test('every event is valid, and says what it should', () => {
    const validator = createEventValidator();
    expect(events.flatMap((event) => validator.validate(event))).toEqual([]);
    expect(events.find(({ page }) => page === '/scripts/grok-py-test/configlib.py')).toEqual({
      eventId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8/),
      sessionId: expect.stringMatching(/^s-[\w-]{22}$/),
      type: 'request',
      namespace: 'access-log',
      occurredAt: expect.stringMatching(/^2015-05-\d\dT\d\d:\d\d:\d\d\.000Z$/),
      anonymousId: expect.stringMatching(/^a-[\w-]{22}$/),
      platform: 'web',
      source: { kind: 'app', name: 'website' },
      page: '/scripts/grok-py-test/configlib.py',
      userAgent: expect.any(String),
      context: {
        method: 'GET',
        status: 200,
        bytes: 235,
        protocol: 'HTTP/1.1',
        client: expect.stringMatching(/^[\w-]{22}$/),
      },
    });
  });

  test('T7: the events of a session are sent in the order of their times', () => {
    const last = new Map<string, string>();
    for (const { sessionId, occurredAt } of events) {
      expect(String(occurredAt) >= (last.get(sessionId) ?? '')).toBe(true);
      last.set(sessionId, String(occurredAt));
    }
  });

  test('T9: no address is in what is sent, and nothing but the salt is left in the data folder', async () => {
    const sent = JSON.stringify(events);
    for (const address of PRIVATE) expect(sent).not.toContain(address);
    expect(await readdir(folder)).toEqual(['import-salt']);
  });

  test('T6: a second run makes the same events, so that none is stored twice; a different salt makes others', async () => {
    api.stored.length = 0;
    await importExample(folder);
    // Not as lists: where thousands differ, showing how would take minutes.
    const inOneOrder = (list: IdentifiedEvent[]) => JSON.stringify(list.map((event) => JSON.stringify(event)).sort());
    expect(inOneOrder(api.stored) === inOneOrder(events)).toBe(true);

    api.stored.length = 0;
    await importExample(join(folder, 'other'), 'shop');
    expect(distinct([...events, ...api.stored].map(({ eventId }) => eventId))).toBe(20_000);
    expect(distinct([...events, ...api.stored].map(({ sessionId }) => sessionId))).toBe(2 * 3224);
    expect(distinct([...events, ...api.stored].map(({ context }) => context?.client))).toBe(2 * 1753);
    expect(api.stored[0]?.source).toEqual({ kind: 'app', name: 'shop' });
  });
});
