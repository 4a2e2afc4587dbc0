import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { signAccessToken } from '@wayline/identity/verify';
import { eventAt, type QueryUnderTest, SECRET, startQuery } from './query-under-test.ts';
import { openTail, type TailAsking, type TailClient } from './tail-client.ts';

let api: QueryUnderTest;
const stopping = new Map<QueryUnderTest, AbortController>();
const tails: TailClient[] = [];

/** With limits that are soon reached. */
async function start(tailLimits: NonNullable<Parameters<typeof startQuery>[0]>['tailLimits']): Promise<void> {
  const stop = new AbortController();
  api = await startQuery({ tailLimits: { pollMs: 20, ...tailLimits }, stopping: stop.signal });
  stopping.set(api, stop);
}
afterEach(async () => {
  for (const tail of tails.splice(0)) tail.close();
  await api.close();
});

async function follow(query = '', asking: TailAsking = {}): Promise<TailClient> {
  const tail = await openTail(api, query, asking);
  tails.push(tail);
  return tail;
}

const events = (count: number, fields: object = {}) => Array.from({ length: count }, (_, i) => eventAt(i, fields));
const skippedOf = (tail: TailClient) =>
  tail.blocks.filter(({ event }) => event === 'skipped').reduce((sum, { data }) => sum + data.events, 0);

describe('A10: what is too much is skipped, and told', () => {
  test('of a flood the last events come, and who follows one session misses none of its own', async () => {
    await start({ eventsPerPoll: 20 });
    const [all, session, rare] = await Promise.all([follow(), follow('?sessionId=s-few'), follow('?type=rare')]);
    const flood = events(3_000);
    const few = [5, 1500, 2999].map((ms) => eventAt(ms, { sessionId: 's-few' }));
    const rarely = [eventAt(1200, { type: 'rare' })];
    await api.store([...flood.slice(0, 1500), ...few, ...flood.slice(1500), ...rarely]);
    await Promise.all([session.next(3), rare.next(1), all.until(() => all.eventIds().length >= 5)]);
    expect(session.eventIds()).toEqual(few.map(({ eventId }) => eventId));
    expect(rare.eventIds()).toEqual(rarely.map(({ eventId }) => eventId));
    expect(all.blocks[0]).toMatchObject({ event: 'skipped', data: { atMost: true } });
    expect(skippedOf(all) + all.eventIds().length).toBe(3_004);
    expect(all.eventIds().length).toBeLessThanOrEqual(20);
  });

  test('the number is exact where all were looked at', async () => {
    await start({ eventsPerPoll: 50 });
    const tail = await follow();
    const stored = events(80);
    await api.store(stored);
    await tail.next(51);
    expect(tail.blocks[0]).toMatchObject({ event: 'skipped', data: { events: 30, atMost: false } });
    expect(tail.eventIds()).toEqual(stored.slice(30).map(({ eventId }) => eventId));
  });

  test('the bytes that are sent at a time are bounded, too', async () => {
    await start({ bytesPerPoll: 20_000 });
    const tail = await follow();
    await api.store(events(10, { context: { text: 'x'.repeat(5_000) } }));
    await tail.until(() => tail.eventIds().length + skippedOf(tail) === 10);
    expect(tail.eventIds()).toHaveLength(3);
  });

  test('so it is for who comes back from long ago', async () => {
    await start({ eventsPerReplay: 600 });
    const other = await follow();
    await other.until(() => other.id() !== '');
    const from = other.id();
    const stored = events(1_000);
    await api.store(stored);
    await other.until(() => other.eventIds().length === stored.length);
    const back = await follow('?type=pageVisit', { lastEventId: from });
    await api.store([eventAt(5_000, { sessionId: 'live' })]);
    await back.next(602);
    expect(back.blocks[0]).toMatchObject({ event: 'skipped', data: { events: 400, atMost: false } });
    expect(back.eventIds().slice(0, 600)).toEqual(stored.slice(400).map(({ eventId }) => eventId));
    expect(back.blocks.at(-1)?.data.sessionId).toBe('live');
  });
});

describe('O5: readers are bounded', () => {
  test('beyond so many at once: 503, and when to come again', async () => {
    await start({ readers: 2 });
    const [first] = await Promise.all([follow(), follow()]);
    const refused = await api.get('/v1/tail');
    expect(refused).toMatchObject({ status: 503, body: { code: 'overloaded', retryable: true } });
    expect(refused.headers.get('retry-after')).toBe('5');
    first.close();
    for (;;) {
      const next = await follow();
      if (next.status === 200) break;
      next.close();
    }
  });

  /** More than the system holds for a socket that nobody reads: only then it is our own bound that counts. */
  async function storeMuch(onStored?: (events: number) => Promise<void>): Promise<number> {
    for (let stored = 0; stored < 5_000; stored += 100) {
      await api.store(events(100, { sessionId: `s-${stored}`, context: { text: 'x'.repeat(3_500) } }));
      await onStored?.(stored + 100);
    }
    return 5_000 * 3_500;
  }

  test('who does not read is cut off with a reason, and the others miss nothing', async () => {
    await start({ patienceMs: 60_000, restShare: 0 });
    const [healthy, slow] = [await follow(), await rawTail()];
    slow.pause();
    const bytes = await storeMuch((stored) => healthy.until(() => healthy.eventIds().length === stored));
    const text = await restOf(slow);
    expect(text).toContain('event: bye\ndata: {"type":"urn:wayline:problem:slow_reader"');
    expect(text.length).toBeLessThan(bytes);
  });

  test('who does not even take the reason is let go after a while', async () => {
    await start({ bufferedBytes: 100_000, patienceMs: 200, restShare: 0 });
    const slow = await rawTail();
    slow.pause();
    await storeMuch();
    while (api.requests() > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    slow.destroy();
  });

  /** Where a tail that begins now is. */
  async function placeNow(): Promise<string> {
    const tail = await follow();
    await tail.until(() => tail.id() !== '');
    tail.close();
    return tail.id();
  }

  test('who comes back and takes nothing of what was missed is let go after a while', async () => {
    await start({ patienceMs: 300, heartbeatMs: 3_600_000 });
    const lastEventId = await placeNow();
    await storeMuch();
    const slow = await rawTail(lastEventId);
    slow.pause();
    while (api.requests() > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    slow.destroy();
  });

  test('what comes meanwhile is kept for who comes back up to a bound, and then told that it is cut off', async () => {
    await start({ bufferedBytes: 100_000, patienceMs: 60_000, restShare: 0, heartbeatMs: 3_600_000 });
    const healthy = await follow();
    await healthy.until(() => healthy.id() !== '');
    const lastEventId = healthy.id();
    const bytes = await storeMuch();
    const slow = await rawTail(lastEventId);
    slow.pause();
    for (let more = 0; more < 5; more++) {
      const sessionId = `s-more-${more}`;
      await api.store(events(20, { sessionId, context: { text: 'x'.repeat(3_500) } }));
      await healthy.until(() => healthy.blocks.at(-1)?.data.sessionId === sessionId);
    }
    const text = await restOf(slow);
    expect(text).toContain('event: bye\ndata: {"type":"urn:wayline:problem:slow_reader"');
    expect(text.length).toBeLessThan(bytes);
  });

  async function rawTail(lastEventId?: string): Promise<Socket> {
    const token = await signAccessToken({ projectId: 1, subject: 't', scopes: ['read'], expiresInSeconds: 60 }, SECRET);
    const { hostname, port } = new URL(api.url);
    const socket = connect(Number(port), hostname);
    const place = lastEventId === undefined ? '' : `Last-Event-ID: ${lastEventId}\r\n`;
    socket.write(`GET /v1/tail HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n${place}\r\n`);
    await new Promise((resolve) => socket.once('data', resolve));
    return socket;
  }

  /** What it is sent, up to the end of the answer. */
  async function restOf(socket: Socket): Promise<string> {
    let text = '';
    await new Promise<void>((resolve) => {
      socket.setEncoding('latin1').on('data', (piece) => {
        text += piece;
        if (text.endsWith('\r\n0\r\n\r\n')) resolve();
      });
      socket.once('close', () => resolve()).resume();
    });
    socket.destroy();
    return text;
  }
});

describe('the end of a tail', () => {
  test('I1: it ends with its token, and says so', async () => {
    await start({});
    const tail = await follow('', { expiresInSeconds: 2 });
    await tail.ended;
    expect(tail.blocks).toMatchObject([{ event: 'bye', data: { code: 'unauthenticated', status: 401 } }]);
  });

  test('O8: a server that stops says goodbye to all, and takes no more', async () => {
    await start({});
    const both = [await follow(), await follow('?sessionId=s-1')];
    await api.store([eventAt(0)]);
    await Promise.all(both.map((tail) => tail.next(1)));
    stopping.get(api)?.abort();
    await Promise.all(both.map(({ ended }) => ended));
    for (const tail of both) {
      expect(tail.blocks.at(-1)).toMatchObject({ event: 'bye', data: { code: 'not_ready', retryable: true } });
    }
    expect(await api.get('/v1/tail')).toMatchObject({ status: 503, body: { code: 'not_ready' } });
  });

  test('without readers the database is asked nothing', async () => {
    await start({ pollMs: 5 });
    let asked = 0;
    api.pool.on('acquire', () => asked++);
    const tail = await follow();
    await api.store([eventAt(0)]);
    await tail.next(1);
    await tail.until(() => asked > 5);
    tail.close();
    for (let before = -1; before !== asked; ) {
      before = asked;
      await new Promise((resolve) => setTimeout(resolve, 300)); // many times as long as it is between two looks
    }
    const again = await follow();
    await api.store([eventAt(1)]);
    await again.next(1);
  });
});
