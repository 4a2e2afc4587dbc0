import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { directSubject, KEY_HEADER, type LoggedEvent, schemaFrame, TOPICS } from '@wayline/contracts';
import { createRegistryClient } from '@wayline/event-log/registry';
import { formatWriteKey } from '@wayline/identity/verify';
import { startSchemaRegistry } from '@wayline/testkit';
import { SECRET, startScene, type WorkerScene } from '../../worker/test/worker-scene.ts';
import { type IngestUnderTest, startIngest } from './ingest-under-test.ts';
import { openStream } from './stream-client.ts';

let scene: WorkerScene;
let ingest: IngestUnderTest;
beforeEach(async () => {
  scene = await startScene();
  ingest = await startIngest({ log: scene.log });
});
afterEach(async () => {
  await scene.close();
  await ingest.close();
});

const occurredAt = new Date(Date.now() - 60_000).toISOString();
const sentAt = () => new Date(Date.now() - 3_600_000).toISOString();

/** What all of them say. */
const said = {
  sessionId: 's-1',
  type: 'purchase',
  occurredAt,
  userId: 'u-1',
  anonymousId: 'a-1',
  platform: 'web',
  source: { kind: 'app', name: 'shop', version: '2.1' },
  page: '/cart',
  referrer: 'https://a.example/',
  userAgent: 'Browser/1',
  value: 19.5,
  context: { sku: 'x-1', value: 19.5 },
};

let ids = 0;
/** Of the sender's own, each time another: else all but the first would be its duplicates. */
const nextId = () => `id-${++ids}`;

const cloudEvent = {
  specversion: '1.0',
  source: 'shop',
  type: said.type,
  time: occurredAt,
  sessionid: said.sessionId,
  userid: said.userId,
  anonymousid: said.anonymousId,
  platform: said.platform,
  sourcekind: 'app',
  sourceversion: '2.1',
  page: said.page,
  referrer: said.referrer,
  useragent: said.userAgent,
  value: said.value,
  data: said.context,
};
const { data, ...attributes } = cloudEvent;
const ceHeaders = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, String(value)]));

const segment = {
  type: 'track',
  event: said.type,
  timestamp: occurredAt,
  userId: said.userId,
  anonymousId: said.anonymousId,
  properties: said.context,
  context: {
    sessionId: said.sessionId,
    app: { name: 'shop', version: '2.1' },
    page: { path: said.page, referrer: said.referrer },
    userAgent: said.userAgent,
  },
};

const withTime = () => ({ 'wayline-sent-at': sentAt() });
const doors: Record<string, () => Promise<{ status: number }>> = {
  'an event': () => ingest.post('/v1/events', said, { headers: withTime() }),
  'a list': () => ingest.post('/v1/events', [said], { headers: withTime() }),
  '{events, sentAt}': () => ingest.post('/v1/events', { events: [said], sentAt: sentAt() }),
  NDJSON: () =>
    ingest.post('/v1/events', JSON.stringify(said), {
      headers: { 'content-type': 'application/x-ndjson', ...withTime() },
    }),
  'a beacon': () =>
    ingest.post('/v1/events', JSON.stringify({ events: [said], sentAt: sentAt() }), {
      headers: { 'content-type': 'text/plain;charset=UTF-8' },
    }),
  'the events of a session': () =>
    ingest.post('/v1/sessions/s-1/events', { ...said, sessionId: undefined }, { headers: withTime() }),
  'CloudEvents, structured': () =>
    ingest.post(
      '/v1/events',
      { ...cloudEvent, id: nextId() },
      {
        headers: { 'content-type': 'application/cloudevents+json', ...withTime() },
      },
    ),
  'CloudEvents, batch': () =>
    ingest.post('/v1/events', [{ ...cloudEvent, id: nextId() }], {
      headers: { 'content-type': 'application/cloudevents-batch+json', ...withTime() },
    }),
  'CloudEvents, binary': () =>
    ingest.post('/v1/events', data, { headers: { ...ceHeaders, 'ce-id': nextId(), ...withTime() } }),
  'Segment, one': () => ingest.post('/v1/track', { ...segment, messageId: nextId(), sentAt: sentAt() }),
  'Segment, batch': () => ingest.post('/v1/batch', { batch: [{ ...segment, messageId: nextId() }], sentAt: sentAt() }),
};

const bytesOf = (value: object): Buffer => Buffer.from(JSON.stringify(value));

/** Straight to Kafka, but for Kafka. */
async function sendDirect(value: Buffer): Promise<void> {
  const key = formatWriteKey({ projectId: 1, keyId: 'k1', allowImport: false }, SECRET);
  await scene.log.append(TOPICS.direct, [{ key: said.sessionId, value, headers: { [KEY_HEADER]: key } }]);
}

async function sendOverStream(): Promise<void> {
  const client = await openStream(ingest.url);
  client.send({ id: 1, sentAt: sentAt(), events: [said] });
  expect(await client.next()).toMatchObject({ accepted: 1 });
  client.socket.terminate();
}

/** What a door adds: the id, and under a name of its own what else its form says. */
function withoutAdditions({ eventId, context = {}, ...event }: LoggedEvent['event']): object {
  const { _cloudevent, _segment, ...own } = context;
  return { ...event, context: own };
}

describe('issue 6: the same event through every door', () => {
  test('stands in the log alike, but for what the door adds', async () => {
    const statuses: Record<string, number> = {};
    for (const [name, send] of Object.entries(doors)) statuses[name] = (await send()).status;
    expect(new Set(Object.values(statuses))).toEqual(new Set([202, 200]));
    const logged = await ingest.logged();
    expect(logged).toHaveLength(Object.keys(doors).length);
    for (const { project, skew = 0, event } of logged) {
      expect({ project, hours: Math.round(skew / 3_600_000) }).toEqual({ project: 1, hours: 1 });
      expect(withoutAdditions(event)).toEqual(said);
    }
    expect(new Set((await ingest.records()).map(({ partition, key }) => `${partition} ${key}`)).size).toBe(1);
  });

  test('stands in PostgreSQL alike, whether it came over HTTP, a WebSocket or straight to Kafka', async () => {
    const server = await startSchemaRegistry();
    scene.onClose(() => server.close());
    const registry = createRegistryClient({ url: server.url });
    const schemaId = await registry.ensure(directSubject());
    await scene.startWorker({ registry });

    for (const send of Object.values(doors)) await send();
    await sendOverStream();
    await sendDirect(bytesOf(said));
    await sendDirect(Buffer.concat([schemaFrame(schemaId), bytesOf(said)]));
    await scene.allRead();

    const { rows } = await scene.pool.query<Record<string, unknown>>('SELECT * FROM events ORDER BY skew_ms');
    const many = Object.keys(doors).length + 3;
    expect(await scene.number('SELECT count(*) FROM dead_letters')).toBe(0);
    expect(rows.map(({ skew_ms }) => Math.round(Number(skew_ms) / 3_600_000))).toEqual([
      0,
      0,
      ...new Array(many - 2).fill(1),
    ]);
    const alike = rows.map(({ event_id, received_at, batch_id, batch_index, skew_ms, context, ...row }) => {
      const { _cloudevent, _segment, ...own } = context as Record<string, unknown>;
      return { ...row, context: own };
    });
    for (const row of alike) expect(row).toEqual(alike[0]);
    expect(alike[0]).toMatchObject({
      project_id: 1,
      session_id: said.sessionId,
      occurred_at: Date.parse(occurredAt),
      user_id: said.userId,
      anonymous_id: said.anonymousId,
      page: said.page,
      referrer: said.referrer,
      value: said.value,
      context: said.context,
    });
    expect(await scene.number('SELECT event_count FROM sessions')).toBe(many);
  });

  test('what a predecessor could say stands in the log as /v1/events has it', async () => {
    const ms = Math.floor(Date.parse(occurredAt) / 1000) * 1000;
    const at = new Date(ms).toISOString();
    const pairs = [
      [
        () => ingest.post(`/analytics?timestamp=${ms}&user=u-1&event=click`, undefined),
        { type: 'click', userId: 'u-1', occurredAt: at },
      ],
      [
        () => ingest.post('/api/track/', { namespace: 'web', name: 'load', timestamp: at.slice(0, 19), value: 3 }),
        { type: 'load', namespace: 'web', occurredAt: at, value: 3 },
      ],
      [
        () => ingest.post('/track', { userId: 'u-1', action: 'pageVisit', origin: '/cart', sessionId: 's-1' }),
        { type: 'pageVisit', userId: 'u-1', page: '/cart', sessionId: 's-1' },
      ],
    ] as const;
    for (const [send, event] of pairs) {
      await send();
      const theirs = (await ingest.logged()).find((each) => each.event.type === event.type)
        ?.event as LoggedEvent['event'];
      await ingest.post('/v1/events', { sessionId: theirs.sessionId, ...event });
      const ours = (await ingest.logged()).filter((each) => each.event.type === event.type).at(-1)?.event;
      const { eventId: _own, occurredAt: theirTime, ...theirRest } = theirs;
      const { eventId: _other, occurredAt: ourTime, ...ourRest } = ours as LoggedEvent['event'];
      expect(theirRest).toEqual(ourRest);
      if ('occurredAt' in event) expect(theirTime).toBe(ourTime);
    }
  });
});
