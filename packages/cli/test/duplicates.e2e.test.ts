import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Closers, identifiedEvent, runWayline } from '@wayline/testkit';
import { nothingPending, startRestartable } from './distributed.ts';

const closers = new Closers();
let url: string;
let dataDir: string;
let own: { writeKey: string; token: string };

beforeAll(async () => {
  dataDir = await closers.folder('test');
  ({ url } = await startRestartable(closers, ['all'], { WAYLINE_DATA_DIR: dataDir }));
  own = JSON.parse(await readFile(join(dataDir, 'dev.json'), 'utf8'));
}, 60_000);
afterAll(() => closers.closeAll());

async function post(key: string, body: unknown): Promise<void> {
  const response = await fetch(`${url}/v1/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(202);
}

async function get(token: string, path: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function otherProject(): Promise<{ writeKey: string; token: string }> {
  const admin = async (...args: string[]): Promise<string> => {
    const { code, stdout } = await runWayline(['admin', ...args], { env: { WAYLINE_DATA_DIR: dataDir } });
    expect(code).toBe(0);
    return stdout;
  };
  await admin('create-project', 'other');
  return {
    writeKey: await admin('create-key', '--project', 'other'),
    token: await admin('create-token', '--project', 'other', '--scopes', 'read,admin'),
  };
}

test('T6: one event sent twice in a batch, and in two more requests, is one', async () => {
  const event = identifiedEvent();
  await post(own.writeKey, [event, event]);
  await post(own.writeKey, event);
  await nothingPending(url, own.token);
  await post(own.writeKey, { events: [event], sentAt: new Date().toISOString() });
  await nothingPending(url, own.token);
  expect((await get(own.token, `/v1/sessions/${event.sessionId}`)).body.eventCount).toBe(1);
  const { hours } = (await get(own.token, '/v1/ledger')).body as { hours: { read: number; stored: number }[] };
  expect(hours.at(-1)).toMatchObject({ read: 4, stored: 1, duplicate: 3, balanced: true });
});

test('I5: one eventId sent from two projects is two events, and neither sees the other', async () => {
  const other = await otherProject();
  const event = identifiedEvent();
  await post(own.writeKey, { ...event, page: '/own' });
  await post(other.writeKey, { ...event, page: '/other' });
  await nothingPending(url, own.token);
  for (const [{ token }, page] of [
    [own, '/own'],
    [other, '/other'],
  ] as const) {
    const { body } = await get(token, `/v1/events/${event.eventId}?sessionId=${event.sessionId}`);
    expect(body).toMatchObject({ fate: 'stored', event: { page } });
    expect((await get(token, `/v1/sessions/${event.sessionId}`)).body.eventCount).toBe(1);
  }
  const elsewhere = identifiedEvent();
  await post(own.writeKey, elsewhere);
  await nothingPending(url, own.token);
  expect((await get(other.token, `/v1/sessions/${elsewhere.sessionId}`)).status).toBe(404);
  expect(await get(other.token, `/v1/events/${elsewhere.eventId}`)).toMatchObject({
    status: 404,
    body: { fate: 'unknown' },
  });
});
