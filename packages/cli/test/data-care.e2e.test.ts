import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type IdentifiedEvent, uuidV7 } from '@wayline/contracts';
import { runWayline } from '@wayline/testkit';
import { type AllInOne, createAllInOne, type Running } from './all-in-one.ts';
import { nothingPending } from './distributed.ts';

const DAY = 86_400_000;
const USER = 'u-1';

// The tests share one running `wayline all`, and build on one another in the order in which they stand.
let all: AllInOne;
let running: Running;
beforeAll(async () => {
  all = await createAllInOne();
  running = await all.start({ WAYLINE_MAINTENANCE_SECONDS: '1', LOG_LEVEL: 'warn' });
}, 120_000);
afterAll(() => all.close());

const admin = (...args: string[]) => runWayline(['admin', ...args], { env: { WAYLINE_DATA_DIR: all.dataDir } });

/** What a command answers as JSON, where it ends well. */
async function json(...args: string[]) {
  const { code, stdout, stderr } = await admin(...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

/** Sends events of so many days ago, and resolves when they are stored. */
async function store(daysAgo: number, events: readonly Partial<IdentifiedEvent>[], key = running.dev.writeKey) {
  const occurredAt = new Date(Date.now() - daysAgo * DAY).toISOString();
  const sent = events.map((event) => ({
    eventId: uuidV7(Date.now()),
    sessionId: 's-1',
    type: 'click',
    occurredAt,
    ...event,
  }));
  const response = await fetch(`${running.dev.url}/v1/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(sent),
  });
  expect(response.status).toBe(202);
  await nothingPending(running.dev.url, running.dev.token);
  return sent;
}

async function sessionStatus(sessionId: string): Promise<number> {
  const response = await fetch(`${running.dev.url}/v1/sessions/${sessionId}`, {
    headers: { authorization: `Bearer ${running.dev.token}` },
  });
  await response.body?.cancel();
  return response.status;
}

const linesOf = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe('T9: export-user and erase-user', () => {
  test('tell all of a user, erase it, and say how much it was; somebody else’s stays', async () => {
    const [own] = await store(0, [
      { userId: USER, sessionId: 'own' },
      { userId: USER, sessionId: 'shared' },
      { userId: 'u-2', sessionId: 'shared' },
    ]);
    const before = await admin('export-user', USER, '--project', 'default');
    expect(before).toMatchObject({ code: 0, stderr: '' });
    const lines = linesOf(before.stdout);
    expect(lines.map(({ kind }) => kind).sort()).toEqual(['event', 'event', 'session', 'session']);
    expect(lines).toContainEqual(expect.objectContaining({ kind: 'event', eventId: own?.eventId, userId: USER }));

    const report = await json('erase-user', USER, '--project', 'default');
    expect(report).toMatchObject({
      project: 'default',
      before: expect.stringMatching(/Z$/),
      events: 2,
      sessionsRemoved: 1,
      sessionsRecomputed: 1,
      deadLetters: 0,
    });
    expect(await admin('export-user', USER, '--project', 'default')).toMatchObject({ code: 0, stdout: '' });
    expect([await sessionStatus('own'), await sessionStatus('shared')]).toEqual([404, 200]);
    const other = await admin('export-user', 'u-2', '--project', 'default');
    expect(linesOf(other.stdout).map(({ kind }) => kind)).toContain('event');
  });

  test('what is received of the user afterwards is new; --before erases only what came earlier', async () => {
    await store(0, [{ userId: USER, sessionId: 'anew' }]);
    const early = await json('erase-user', USER, '--project', 'default', '--before', '2026-01-01T00:00:00Z');
    expect(early.events).toBe(0);
    expect(await sessionStatus('anew')).toBe(200);
    const { code, stdout } = await admin('erase-user', USER, '--project', 'default');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Erased of project default, received before .*:\n {2}1 events\n {2}1 sessions;/);
  });

  test.each([
    { args: ['erase-user', USER, '--project', 'nowhere'], sentence: /^There is no project "nowhere"/ },
    { args: ['export-user', USER, '--project', 'nowhere'], sentence: /^There is no project "nowhere"/ },
    {
      args: ['erase-user', USER, '--project', 'default', '--before', 'yesterday'],
      sentence: /^--before must be an RFC 3339 time/,
    },
    {
      args: ['erase-user', USER, '--project', 'default', '--before', '2999-01-01T00:00:00Z'],
      sentence: /^--before must not lie ahead\.$/,
    },
    { args: ['erase-user', USER], sentence: /required option '--project <slug>' not specified/ },
  ])('wrong usage erases nothing, and gets one sentence and exit code 2: $args', async ({ args, sentence }) => {
    const { code, stdout, stderr } = await admin(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.replace(/^(wayline|error): /, '')).toMatch(sentence);
  });
});

describe('A9: apply-retention', () => {
  test('deletes what is expired of the project that has a retention, tells what it was, and lets the rest be', async () => {
    await json('create-project', 'keeps');
    const { key: theirs } = await json('create-key', '--project', 'keeps', '--allow-import');
    await store(10, [{ sessionId: 'old' }, { sessionId: 'old' }]);
    await store(10, [{ sessionId: 'theirs' }], theirs);
    await store(0, [{ sessionId: 'young' }]);
    // Nothing has a retention yet.
    const nothing = { partitionsDropped: [], eventsDeleted: [], sessions: 0, unfinished: false };
    expect(await whileNobodyElse('apply-retention')).toMatchObject(nothing);
    expect(await sessionStatus('old')).toBe(200);

    await json('set-project', 'default', '--retention-days', '3');
    // The worker is at it, too: whoever comes first does it, and nobody does it twice.
    for (const deadline = Date.now() + 60_000; (await sessionStatus('old')) !== 404; ) {
      expect(Date.now()).toBeLessThan(deadline);
      await whileNobodyElse('apply-retention');
    }
    const again = await whileNobodyElse('apply-retention');
    expect(again).toMatchObject({ ...nothing, completeThrough: expect.stringMatching(/Z$/) });
    expect(await sessionStatus('young')).toBe(200);
    const token = await json('create-token', '--project', 'keeps', '--scopes', 'read');
    const kept = await fetch(`${running.dev.url}/v1/sessions/theirs/events`, {
      headers: { authorization: `Bearer ${token.token}` },
    });
    expect(await kept.json()).toMatchObject({ events: [{ sessionId: 'theirs' }] });
  }, 120_000);

  /** Asks again where a worker is at it just now, or has not yet told how far the log is read. */
  async function whileNobodyElse(...args: string[]) {
    for (;;) {
      const { code, stdout, stderr } = await admin(...args, '--json');
      if (code === 0) return JSON.parse(stdout);
      expect(stderr).toMatch(/A worker is at it just now|No worker has noted yet/);
    }
  }
});

describe('O4: set-throttle', () => {
  const AS_CONFIGURED = { rowsPerSecond: null, transactions: null, batchRows: null, lingerMs: null, adaptive: null };

  test('shows what is set, changes what is named, and takes it away by none', async () => {
    const { group } = await json('set-throttle');
    expect(await json('set-throttle')).toEqual({ group, ...AS_CONFIGURED });
    const set = { ...AS_CONFIGURED, rowsPerSecond: 5000, transactions: 1, adaptive: false };
    const options = ['--rows-per-second', '5000', '--transactions', '1', '--adaptive', 'off'];
    expect(await json('set-throttle', ...options)).toEqual({ group, ...set });
    expect(await json('set-throttle')).toEqual({ group, ...set });
    const { stdout } = await admin('set-throttle', '--rows-per-second', 'none', '--adaptive', 'none');
    expect(stdout).toMatch(/^Set; the workers of \S+ follow within a few seconds\./);
    expect(await json('set-throttle', '--transactions', 'none')).toEqual({ group, ...AS_CONFIGURED });
  });

  test('a running worker follows: at ten rows a second a batch waits for the one before, and without that it goes on', async () => {
    await json('set-throttle', '--rows-per-second', '10');
    const isSlow = async () => {
      const startedAt = performance.now();
      await store(
        0,
        Array.from({ length: 40 }, () => ({ sessionId: 'slow' })),
      );
      return performance.now() - startedAt > 1500;
    };
    for (const deadline = Date.now() + 60_000; !(await isSlow()); ) expect(Date.now()).toBeLessThan(deadline);
    await json('set-throttle', '--rows-per-second', 'none');
    for (const deadline = Date.now() + 60_000; await isSlow(); ) expect(Date.now()).toBeLessThan(deadline);
  }, 180_000);

  test.each([
    { args: ['--rows-per-second', '0'], sentence: '--rows-per-second must be a whole number from 1 to 10000000' },
    { args: ['--transactions', '65'], sentence: '--transactions must be a whole number from 1 to 64' },
    { args: ['--batch-rows', 'many'], sentence: '--batch-rows must be a whole number from 1 to 100000' },
    { args: ['--linger-ms', '51'], sentence: '--linger-ms must be a whole number from 0 to 50' },
    { args: ['--adaptive', 'perhaps'], sentence: '--adaptive must be on, off or none.' },
  ])('wrong usage changes nothing, and gets one sentence and exit code 2: $args', async ({ args, sentence }) => {
    const { code, stdout, stderr } = await admin('set-throttle', ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(sentence);
    expect(await json('set-throttle')).toMatchObject(AS_CONFIGURED);
  });
});
