import { afterEach, describe, expect, test } from '@jest/globals';
import { TOPICS } from '@wayline/contracts';
import { type EventLog, LogUnavailableError } from '@wayline/event-log';
import { emptySettings, type SettingsView } from '@wayline/settings';
import { identifiedEvent, minimalEvent, sessionEvents } from '@wayline/testkit';
import { accessToken, type IngestSetup, type IngestUnderTest, startIngest, writeKey } from './ingest-under-test.ts';
import { openStream, type StreamClient, type StreamClientOptions } from './stream-client.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(setup: IngestSetup = {}): Promise<IngestUnderTest> {
  const ingest = await startIngest(setup);
  closers.push(() => ingest.close());
  return ingest;
}

async function open(ingest: IngestUnderTest, options?: StreamClientOptions): Promise<StreamClient> {
  const client = await openStream(ingest.url, options);
  closers.push(async () => client.socket.terminate());
  return client;
}

/** The settings of everybody, as they are when they are asked for. */
const settingsFrom = (now: () => Partial<ReturnType<SettingsView['key']>>): SettingsView => {
  const view = emptySettings();
  const merged = () => ({ ...view.project(1), ...now() });
  return { ...view, key: merged, project: merged };
};

/** A real log behind a gate: appends wait until it is opened, or fail as they are told. */
function gated(): { wrap(log: EventLog): EventLog; appends: number; open(): void; failWith?: Error } {
  let opened = () => {};
  const gate = new Promise<void>((resolve) => {
    opened = resolve;
  });
  const state = {
    appends: 0,
    failWith: undefined as Error | undefined,
    open: () => opened(),
    wrap: (log: EventLog): EventLog =>
      Object.assign(Object.create(log) as EventLog, {
        append: async (topic: string, records: Parameters<EventLog['append']>[1]) => {
          state.appends++;
          await gate;
          if (state.failWith) throw state.failWith;
          return log.append(topic, records);
        },
      }),
  };
  return state;
}

/** A client with a frame in hand: its append waits at the gate. */
async function holdFrame() {
  const gate = gated();
  const inner = await start();
  const ingest = await start({ log: gate.wrap(inner.log) });
  const client = await open(ingest);
  client.send({ id: 1, events: [minimalEvent()] });
  while (gate.appends < 1) await new Promise(setImmediate);
  return { gate, inner, ingest, client };
}

describe('frames', () => {
  test('T3, issue 6.1: a frame is answered once its events are in the log, as POST /v1/events has them', async () => {
    const ingest = await start({ now: () => Date.parse('2026-11-20T12:00:00Z') });
    const client = await open(ingest, { headers: { 'x-request-id': 'stream-1' } });
    const event = identifiedEvent({ occurredAt: '2026-11-20T11:00:00Z', page: 'é' });
    client.send({ id: 'a', events: [event] });
    expect(await client.next()).toEqual({ id: 'a', accepted: 1, rejected: [] });
    await ingest.post('/v1/events', [event]);
    const [streamed, posted] = await ingest.logged();
    expect(streamed).toEqual(posted);
    const [record] = await ingest.records();
    expect(String(record?.headers['wayline-request-id'])).toBe('stream-1');
  });

  test('T8: of a frame the good events are taken; of the others it is said what is wrong; ids are told', async () => {
    const client = await open(await start());
    client.send({ id: 7, events: [minimalEvent(), { sessionId: 's', type: 'x', colour: 'red' }] });
    const answer = await client.next();
    expect(answer).toMatchObject({ id: 7, accepted: 1, rejected: [{ index: 1, errors: [{ code: 'unknown_field' }] }] });
    expect(answer.ids).toHaveLength(1);
    client.send({ id: 8, events: [{}] });
    expect(await client.next()).toMatchObject({ id: 8, accepted: 0, rejected: [{ index: 0 }] });
  });

  test.each([
    { what: 'no JSON', frame: '{"id":', answer: { id: null, error: { code: 'invalid_json' } } },
    { what: 'no UTF-8', frame: Buffer.from([0x22, 0xff]), answer: { id: null, error: { code: 'invalid_encoding' } } },
    { what: 'a list', frame: [], answer: { id: null, error: { code: 'invalid_request' } } },
    { what: 'no id', frame: { events: [] }, answer: { id: null, error: { code: 'invalid_request' } } },
    { what: 'an odd id', frame: { id: {}, events: [] }, answer: { id: null, error: { code: 'invalid_request' } } },
    { what: 'no events', frame: { id: 1 }, answer: { id: 1, error: { code: 'invalid_request' } } },
    { what: 'none', frame: { id: 1, events: [] }, answer: { id: 1, error: { code: 'no_valid_events', status: 422 } } },
    {
      what: 'another field',
      frame: { id: 1, events: [], sendAt: 1 },
      answer: { id: 1, error: { code: 'invalid_request', detail: expect.stringContaining('/sendAt') } },
    },
    {
      what: 'a sentAt that is no time',
      frame: { id: 1, sentAt: 'now', events: [{}] },
      answer: { id: 1, error: { code: 'invalid_request' } },
    },
    {
      what: '2501 events',
      frame: { id: 1, events: Array(2501).fill(minimalEvent()) },
      answer: { id: 1, error: { code: 'too_many_events', status: 413, retryable: false } },
    },
  ])(
    'T3, issue 6.1: a frame with $what is refused with a problem, and the next one is taken',
    async ({ frame, answer }) => {
      const client = await open(await start());
      client.send(frame);
      expect(await client.next()).toMatchObject(answer);
      client.send({ id: 2, events: [minimalEvent()] });
      expect(await client.next()).toMatchObject({ id: 2, accepted: 1 });
    },
  );

  test('T3: 2500 events of one session are in the log in their order, frame by frame', async () => {
    const ingest = await start();
    const client = await open(ingest);
    const events = sessionEvents(5000, { sessionId: 's' }, Date.now() - 86_400_000);
    client.send({ id: 1, events: events.slice(0, 2500) });
    for (let i = 2500; i < 5000; i += 100) client.send({ id: i, events: events.slice(i, i + 100) });
    for (let i = 0; i < 26; i++) expect(await client.next()).toMatchObject({ rejected: [] });
    expect((await ingest.logged()).map(({ event }) => event.seq)).toEqual(events.map(({ seq }) => seq));
  });

  test('issue 6.1: a frame over 8 MiB, or over what the key may send, ends the connection with 1009', async () => {
    const ingest = await start({ maxBodyBytesHeld: 64 * 1024 * 1024 });
    const client = await open(ingest);
    client.send('x'.repeat(8 * 1024 * 1024 + 1));
    expect(await client.closed).toMatchObject({ code: 1009 });
    const narrow = await open(await start({ settings: settingsFrom(() => ({ bodyBytes: 1000 })) }));
    narrow.send('x'.repeat(1001));
    expect(await narrow.closed).toMatchObject({ code: 1009, reason: expect.stringContaining('1000 bytes') });
  });
});

describe('who may', () => {
  test('I1: a key in the address or in the header, or a token with the scope', async () => {
    const ingest = await start();
    const clients = [
      await open(ingest, { credential: null, query: `?key=${writeKey()}` }),
      await open(ingest, { credential: await accessToken(['write']) }),
    ];
    for (const client of clients) {
      client.send({ id: 1, events: [minimalEvent()] });
      expect(await client.next()).toMatchObject({ accepted: 1 });
    }
  });

  test.each([
    { what: 'no key', options: { credential: null }, reason: /^unauthenticated: / },
    { what: 'a key that is none', options: { credential: 'wlk_1_test_w_0' }, reason: /^unauthenticated: / },
    {
      what: 'a page elsewhere',
      options: { headers: { origin: 'https://b.example' } },
      reason: /^origin_not_allowed: /,
    },
  ])('I2, I6, issue 6.1: $what ends with 1008 and the reason', async ({ options, reason }) => {
    const ingest = await start({ settings: settingsFrom(() => ({ origins: ['https://a.example'] })) });
    const { code, reason: given } = await (await open(ingest, options)).closed;
    expect(code).toBe(1008);
    expect(given).toMatch(reason);
    const page = await open(ingest, { headers: { origin: 'https://a.example' } });
    page.send({ id: 1, events: [minimalEvent()] });
    expect(await page.next()).toMatchObject({ accepted: 1 });
  });

  test('I1: a token without the scope ends with 1008', async () => {
    const client = await open(await start(), { credential: await accessToken(['read']) });
    expect(await client.closed).toMatchObject({ code: 1008, reason: expect.stringMatching(/^forbidden: /) });
  });

  test('I6, issue 6.1: a key that is revoked ends the connections that it has opened, idle ones too', async () => {
    let refused: 'revoked' | undefined;
    const settings = settingsFrom(() => ({ refused }));
    const idle = await open(await start({ settings, streamPulseMs: 20 }));
    const busy = await open(await start({ settings }));
    refused = 'revoked';
    expect(await idle.closed).toMatchObject({ code: 1008, reason: expect.stringContaining('revoked') });
    busy.send({ id: 1, events: [minimalEvent()] });
    expect(await busy.closed).toMatchObject({ code: 1008 });
  });

  test('I4: a token that expires ends the connection', async () => {
    const ingest = await start({ streamPulseMs: 20 });
    const client = await open(ingest, { credential: await accessToken(['write'], { expiresInSeconds: 1 }) });
    expect(await client.closed).toMatchObject({ code: 1008, reason: expect.stringContaining('expired') });
  });

  test('without an upgrade the path says what it is', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/v1/stream`);
    expect(response.status).toBe(426);
    expect(response.headers.get('upgrade')).toBe('websocket');
    expect(await response.json()).toMatchObject({ code: 'upgrade_required' });
    expect((await fetch(`${url}/v1/stream`, { method: 'POST' })).status).toBe(405);
  });
});

describe('too much', () => {
  test('I7: beyond the limits of the key frames are refused with the time to wait', async () => {
    const client = await open(await start({ settings: settingsFrom(() => ({ rates: { requestsPerSecond: 1 } })) }));
    client.send({ id: 1, events: [minimalEvent()] });
    client.send({ id: 2, events: [minimalEvent()] });
    expect([await client.next(), await client.next()]).toContainEqual(
      expect.objectContaining({ id: 2, error: expect.objectContaining({ code: 'rate_limited' }), retryAfter: 1 }),
    );
  });

  test('T6, issue 6.1: nothing is acknowledged before it is durable, and nothing that the log did not take', async () => {
    const gate = gated();
    const inner = await start();
    const ingest = await start({ log: gate.wrap(inner.log) });
    const client = await open(ingest);
    client.send({ id: 1, events: [minimalEvent()] });
    client.socket.ping();
    await new Promise((resolve) => client.socket.once('pong', resolve));
    client.send({ id: 2, events: [] });
    expect(await client.next()).toMatchObject({ id: 2 });
    gate.failWith = new LogUnavailableError('unavailable', 'away');
    gate.open();
    expect(await client.next()).toMatchObject({
      id: 1,
      error: { code: 'log_unavailable', retryable: true },
      retryAfter: 5,
    });
    expect(ingest.faults).toEqual([]);
  });

  test('O5, issue 6.1: while sixteen frames wait for the log no more are read, and all are answered in the end', async () => {
    const gate = gated();
    const inner = await start();
    const client = await open(await start({ log: gate.wrap(inner.log) }));
    const page = 'x'.repeat(2000);
    const events = Array.from({ length: 20 }, () => minimalEvent({ page }));
    for (let id = 0; id < 400; id++) client.send({ id, events });
    while (gate.appends < 16) await new Promise(setImmediate);
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
    expect(gate.appends).toBe(16);
    expect(client.socket.bufferedAmount).toBeGreaterThan(1_000_000);
    gate.open();
    for (let id = 0; id < 400; id++) expect(await client.next()).toMatchObject({ id, accepted: 20 });
    expect(await inner.logged()).toHaveLength(8000);
  }, 30_000);

  test('O5, issue 6.1: past the bytes in flight a frame is refused with the time to wait, and the rest goes on', async () => {
    const gate = gated();
    const inner = await start();
    const client = await open(await start({ log: gate.wrap(inner.log), maxBodyBytesHeld: 100_000 }));
    const events = Array.from({ length: 30 }, () => minimalEvent({ page: 'x'.repeat(2000) }));
    client.send({ id: 1, events });
    client.send({ id: 2, events });
    expect(await client.next()).toMatchObject({ id: 2, error: { code: 'overloaded' }, retryAfter: 1 });
    gate.open();
    expect(await client.next()).toMatchObject({ id: 1, accepted: 30 });
    client.send({ id: 2, events });
    expect(await client.next()).toMatchObject({ id: 2, accepted: 30 });
  });

  test('O5, issue 6.1: frames that are never finished are counted too: past the bound the connection ends with 1013', async () => {
    const ingest = await start({ maxBodyBytesHeld: 1_000_000 });
    const slow = await open(ingest);
    slow.socket.send('x'.repeat(900_000), { fin: false });
    slow.socket.ping();
    await new Promise((resolve) => slow.socket.once('pong', resolve));
    const other = await open(ingest);
    other.socket.send('x'.repeat(300_000), { fin: false });
    expect(await other.closed).toMatchObject({ code: 1013, reason: expect.stringMatching(/^overloaded: /) });
    slow.socket.terminate();
    const next = await open(ingest);
    for (let id = 0; ; id++) {
      next.send({ id, events: Array.from({ length: 100 }, () => minimalEvent({ page: 'x'.repeat(2000) })) });
      if ('accepted' in (await next.next())) break; // the server has seen the end of the other
    }
  });
});

describe('the end', () => {
  test('issue 6.1: who gives no sign of life is cut off, who answers pings stays', async () => {
    const ingest = await start({ streamPulseMs: 30 });
    const alive = await open(ingest);
    const dead = await open(ingest, { autoPong: false });
    expect(await dead.closed).toMatchObject({ code: 1006 });
    alive.send({ id: 1, events: [minimalEvent()] });
    expect(await alive.next()).toMatchObject({ accepted: 1 });
  });

  test('O8, issue 6.1: on closing, the frames in hand are answered first, then 1012', async () => {
    const { gate, inner, ingest, client } = await holdFrame();
    const closing = ingest.stream.close(5_000);
    gate.open();
    expect(await client.next()).toMatchObject({ id: 1, accepted: 1 });
    expect(await client.closed).toMatchObject({ code: 1012 });
    await closing;
    expect(await (await open(ingest)).closed).toMatchObject({ code: 1012 });
    expect(await inner.log.ranges(TOPICS.events)).toContainEqual(expect.objectContaining({ end: 1 }));
  });

  test('O8: who does not close in time is cut off', async () => {
    const { gate, ingest, client } = await holdFrame();
    const closing = ingest.stream.close(50);
    expect(await client.closed).toMatchObject({ code: 1006 });
    gate.open();
    await closing;
  });
});

describe('skew', () => {
  const NOW = Date.parse('2026-11-20T12:00:00Z');

  test('issue 6.7: sentAt of a frame corrects its events, as of a body', async () => {
    const ingest = await start({ now: () => NOW });
    const client = await open(ingest);
    client.send({ id: 1, sentAt: 60_000, events: [identifiedEvent({ occurredAt: 30_000 })] });
    expect(await client.next()).toMatchObject({ accepted: 1 });
    expect((await ingest.logged())[0]).toMatchObject({
      skew: NOW - 60_000,
      event: { occurredAt: '1970-01-01T00:00:30.000Z' },
    });
  });

  test('issue 6.7: what our own back-pressure may explain is not taken for skew of the sender', async () => {
    let nowMs = NOW;
    const gate = gated();
    const inner = await start();
    const client = await open(await start({ log: gate.wrap(inner.log), now: () => nowMs }));
    const frame = (id: number, sentAt: number) =>
      client.send({ id, sentAt, events: [identifiedEvent({ occurredAt: sentAt, sessionId: 's', seq: id })] });
    for (let id = 0; id < 16; id++) frame(id, NOW);
    while (gate.appends < 16) await new Promise(setImmediate);
    nowMs += 10_000; // it was sent at once, and is read ten seconds later
    frame(16, NOW);
    frame(17, NOW - 3_600_000);
    gate.open();
    for (let id = 0; id < 18; id++) await client.next();
    const skews = (await inner.logged()).map(({ skew, event }) => ({ seq: event.seq, skew }));
    expect(skews.slice(15)).toEqual([
      { seq: 15, skew: undefined },
      { seq: 16, skew: undefined },
      { seq: 17, skew: 3_600_000 },
    ]);
  });
});
