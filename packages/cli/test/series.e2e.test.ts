import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type AllInOne, createAllInOne, type Running } from './all-in-one.ts';
import { nothingPending } from './distributed.ts';

let all: AllInOne;
let running: Running;
beforeAll(async () => {
  all = await createAllInOne();
  running = await all.start();
}, 60_000);
afterAll(() => all.close());

async function track(namespace: string, name: string, timestamp: string | number, value: number): Promise<void> {
  const { url, writeKey } = running.dev;
  const response = await fetch(`${url}/api/track/`, {
    method: 'POST',
    headers: { authorization: `Bearer ${writeKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ namespace, name, timestamp, value }),
  });
  expect(response.status).toBe(201);
}

async function read(path: string): Promise<unknown> {
  const { url, token } = running.dev;
  const response = await fetch(url + path, { headers: { authorization: `Bearer ${token}` } });
  expect([path, response.status]).toEqual([path, 200]);
  return response.json();
}

test("A6, A11: what a predecessor's client tracks, it reads back as a predecessor told it, and so does the v1 API", async () => {
  const at = Date.parse('2020-11-12T11:10:00Z') / 1000;
  // With and without a zone, in seconds and milliseconds; the key of wayline all may import.
  await track('server 1/a', 'cpu%', '2020-11-12T11:10:00', 140);
  await track('server 1/a', 'cpu%', at + 59, 144);
  await track('server 1/a', 'cpu%', (at + 60) * 1000, 10);
  await track('server 1/a', 'cpu%', '2020-11-12T13:00:00+01:00', 20.5);
  await track('server 1/a', 'memory', at, 1);
  await nothingPending(running.dev.url, running.dev.token);

  const path = '/api/events/server%201%2Fa/cpu%25';
  expect(await read(`${path}?tsMin=${at}&tsMax=${at + 3600}&granularity=minute`)).toEqual([
    { aggregatedTimestamp: '2020-11-12T11:10:00', value: 142 },
    { aggregatedTimestamp: '2020-11-12T11:11:00', value: 10 },
    { aggregatedTimestamp: '2020-11-12T12:00:00', value: 20.5 },
  ]);
  expect(await read(`${path}?tsMin=${at}&tsMax=${at + 59}&granularity=none&aggregationType=max`)).toEqual([
    { aggregatedTimestamp: '2020-11-12T11:10:00', value: 144 },
  ]);
  const range = 'from=2020-11-12T11:00:00Z&to=2020-11-12T11:11:00.001Z';
  expect(await read(`/v1/series/server%201%2Fa/cpu%25?${range}&granularity=hour&aggregation=sum`)).toMatchObject({
    points: [{ at: '2020-11-12T11:10:00.000Z', value: 294, count: 3 }],
    lagging: [],
  });
}, 60_000);
