import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runWayline } from '@wayline/testkit';
import { type AllInOne, createAllInOne, type Running } from './all-in-one.ts';
import { nothingPending } from './distributed.ts';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const EXAMPLE = path('../../../examples/apache_access.log.gz');
const SCRIPT = path('access-log-answers.mjs');
const RANGE = 'from=2015-05-17T00:00:00Z&to=2015-05-21T00:00:00Z';

/** What the script says, which knows nothing of Wayline. */
interface Answers {
  facts: Record<string, unknown>;
  hours: { hour: string; requests: number; visitors: number }[];
  sessions: string[][];
  paths: Record<string, number>;
  statuses: Record<string, number>;
}

interface Summary {
  sessionId: string;
  firstAt: string;
  lastAt: string;
  eventCount: number;
}

interface RequestEvent {
  occurredAt: string;
  page: string;
  referrer?: string;
  userAgent?: string;
  context: { method: string; status: number; bytes: number };
}

let all: AllInOne;
let running: Running;
let answers: Answers;

beforeAll(async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, EXAMPLE], { maxBuffer: 64 * 1024 * 1024 });
  answers = JSON.parse(stdout);
  all = await createAllInOne();
  running = await all.start();
  const env = { WAYLINE_DATA_DIR: all.dataDir };
  const imported = await runWayline(['import', '--format', 'access-log', EXAMPLE], { env });
  expect(imported.code).toBe(0);
  await nothingPending(running.dev.url, running.dev.token);
}, 120_000);
afterAll(() => all?.close());

async function ask(address: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${running.dev.token}`, ...init.headers };
  return fetch(`${running.dev.url}${address}`, { ...init, headers });
}

async function read<T>(address: string): Promise<T> {
  const response = await ask(address);
  if (!response.ok) throw new Error(`${response.status} at ${address}: ${await response.text()}`);
  return (await response.json()) as T;
}

async function allSessions(): Promise<Summary[]> {
  const sessions: Summary[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: { sessions: Summary[]; nextCursor: string | null } = await read(
      `/v1/sessions?limit=1000${cursor && `&cursor=${cursor}`}`,
    );
    sessions.push(...page.sessions);
    cursor = page.nextCursor;
  }
  return sessions;
}

/** Of each session its requests, as the script tells them. */
async function requestsOf(sessions: readonly Summary[]): Promise<string[][]> {
  const waiting = [...sessions];
  const told: string[][] = [];
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let session = waiting.pop(); session; session = waiting.pop()) {
        const { events } = await read<{ events: RequestEvent[] }>(
          `/v1/sessions/${session.sessionId}/events?limit=1000`,
        );
        told.push(events.map(toldOf).sort());
      }
    }),
  );
  return told.sort();
}

const toldOf = ({ occurredAt, page, referrer = '-', userAgent = '-', context }: RequestEvent): string =>
  [occurredAt, context.method, page, context.status, context.bytes, referrer, userAgent].join(' ');

function countBy(list: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const key of list) counts[key] = (counts[key] ?? 0) + 1;
  return counts;
}

describe('a real access log: the API answers what a script computes from the raw file', () => {
  test('the script finds the facts that are known of the file', () => {
    expect(answers.facts).toEqual({
      lines: 10_000,
      addresses: 1753,
      visitors: 1862,
      sessions: 3224,
      hours: [84, '2015-05-17T10', '2015-05-20T21'],
      busiestHour: ['2015-05-19T19', 136],
      earlierThanTheLineBefore: 4915,
      withReferrer: 5927,
      found: 9126,
      notFound: 213,
      mostRequested: ['/favicon.ico', 807],
    });
  });

  test('A7: requests and unique visitors of each hour', async () => {
    const { hours } = await read<{ hours: object[] }>(`/v1/analytics/hourly?${RANGE}`);
    expect(hours).toEqual(
      answers.hours.map(({ hour, requests, visitors }) => ({
        hour: `${hour}:00:00.000Z`,
        uniqueUsers: visitors,
        clicks: 0,
        impressions: 0,
        events: requests,
      })),
    );
    expect(hours).toHaveLength(84);
    const filled = await read<{ hours: { events: number }[] }>(`/v1/analytics/hourly?${RANGE}&empty=include`);
    expect(filled.hours).toHaveLength(96);
    expect(filled.hours.reduce((sum, { events }) => sum + events, 0)).toBe(10_000);
  });

  test('A6: requests of each hour, and of all of them, as a series', async () => {
    const series = (parameters: string) =>
      read<{ points: { at: string; value: number; count: number }[] }>(
        `/v1/series/access-log/request?aggregation=count&${RANGE}&${parameters}`,
      );
    const { points } = await series('granularity=hour');
    expect(points.map(({ at, value }) => ({ hour: at.slice(0, 13), requests: value }))).toEqual(
      answers.hours.map(({ hour, requests }) => ({ hour, requests })),
    );
    const first = answers.sessions.flat().sort()[0]?.split(' ')[0];
    expect((await series('granularity=none')).points).toEqual([{ at: first, value: 10_000, count: 10_000 }]);
    const days = countBy(answers.sessions.flat().map((told) => told.slice(0, 10)));
    const byDay = (await series('granularity=day')).points.map(({ at, value }) => [at.slice(0, 10), value]);
    expect(Object.fromEntries(byDay)).toEqual(days);
  });

  test('A11: the same of the busiest hour, in the form of the predecessor', async () => {
    const visitors = answers.hours.find(({ hour }) => hour === '2015-05-19T19')?.visitors;
    const answer = await ask(`/analytics?timestamp=${Date.UTC(2015, 4, 19, 19, 30) / 1000}`);
    expect(await answer.text()).toBe(`unique_users,${visitors}\nclicks,0\nimpressions,0\n`);
  });

  test('A5: every session with every request in it; and so the requests of each path and status', async () => {
    const sessions = await allSessions();
    expect(sessions).toHaveLength(3224);
    const summaries = (list: readonly Pick<Summary, 'firstAt' | 'lastAt' | 'eventCount'>[]) =>
      list.map(({ firstAt, lastAt, eventCount }) => `${firstAt} ${lastAt} ${eventCount}`).sort();
    const timeOf = (told: string | undefined): string => told?.split(' ')[0] ?? '';
    expect(summaries(sessions)).toEqual(
      summaries(
        answers.sessions.map((told) => ({
          firstAt: timeOf(told[0]),
          lastAt: timeOf(told.at(-1)),
          eventCount: told.length,
        })),
      ),
    );
    const requests = await requestsOf(sessions);
    // Not as lists: where thousands differ, showing how would take minutes.
    const [wrong] = requests.flatMap((told, i) => (told.join() === answers.sessions[i]?.join() ? [] : [i]));
    expect(wrong === undefined ? [] : requests[wrong]).toEqual(wrong === undefined ? [] : answers.sessions[wrong]);
    const fields = requests.flat().map((told) => told.split(' '));
    expect(countBy(fields.map((field) => field[2] as string))).toEqual(answers.paths);
    expect(countBy(fields.map((field) => field[3] as string))).toEqual(answers.statuses);
  }, 120_000);

  test('A2: what a session used, from its first request to its last', async () => {
    const longest = answers.sessions.reduce((most, told) => (told.length > most.length ? told : most));
    const session = (await allSessions()).find(({ eventCount }) => eventCount === longest.length);
    const times = longest.map((told) => told.split(' ')[0]);
    expect(await read(`/v1/sessions/${session?.sessionId}/components`)).toEqual({
      apps: [{ name: 'website', count: longest.length, firstAt: times[0], lastAt: times.at(-1) }],
      microservices: [],
    });
    expect(await read(`/v1/sessions/${session?.sessionId}/navigation`)).toEqual({ hops: [] });
  });

  test('A8: within the minute its visitors are among the users of all time', async () => {
    const { visitors } = answers.facts;
    let latest: unknown;
    for (const deadline = Date.now() + 90_000; Date.now() < deadline; await sleep(500)) {
      latest = await (await ask('/metrics/latest')).json();
      if ((latest as { uniqueUsers?: number }).uniqueUsers === visitors) break;
    }
    expect(latest).toEqual({ timestamp: expect.any(String), uniqueUsers: visitors, uniqueUsersWithObjectInView: 0 });
    expect(await read('/v1/metrics/latest')).toEqual(latest);
  }, 120_000);
});

describe('A11: where a predecessor wrote and read at one address, it still does', () => {
  const address = (timestamp: number) => `/analytics?timestamp=${timestamp}`;

  test('what POST /analytics acknowledged GET /analytics counts, once it is stored', async () => {
    const now = Date.now();
    const count = async () => (await ask(address(now))).text();
    expect(await count()).toBe('unique_users,0\nclicks,0\nimpressions,0\n');
    for (const [user, event] of [
      ['u-1', 'click'],
      ['u-1', 'impression'],
      ['u-2', 'impression'],
    ]) {
      const answer = await ask(`${address(now)}&user=${user}&event=${event}`, { method: 'POST' });
      expect(answer.status).toBe(204);
    }
    await nothingPending(running.dev.url, running.dev.token);
    expect(await count()).toBe('unique_users,2\nclicks,1\nimpressions,2\n');
    const json = await ask(address(now), { headers: { accept: 'application/json' } });
    expect(await json.json()).toEqual({ uniqueUsers: 2, clicks: 1, impressions: 2 });
  });

  test.each([
    { path: '/analytics', allowed: ['GET', 'HEAD', 'OPTIONS', 'POST'] },
    { path: '/metrics/latest', allowed: ['GET', 'HEAD'] },
    { path: '/metrics/history', allowed: ['GET', 'HEAD'] },
    { path: '/v1/analytics/hourly', allowed: ['GET', 'HEAD'] },
  ])('$path is served by $allowed', async ({ path, allowed }) => {
    const answer = await ask(path, { method: 'PUT' });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')?.split(', ').sort()).toEqual(allowed);
  });
});
