import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from '@jest/globals';
import { lastConnectionString } from '@wayline/postgres-server';
import { accountFor, Closers, NOTHING_WRONG, startProcess } from '@wayline/testkit';
import { nothingPending, startRestartable } from './distributed.ts';

const CLIENT = fileURLToPath(new URL('../../ingest/test/stream-client-process.mjs', import.meta.url));
const FRAMES = 3000;

const closers = new Closers();
afterEach(() => closers.closeAll(), 60_000);

async function startAll() {
  const dataDir = await closers.folder('test');
  const all = await startRestartable(closers, ['all'], { WAYLINE_DATA_DIR: dataDir });
  const { writeKey, token } = JSON.parse(await readFile(join(dataDir, 'dev.json'), 'utf8'));
  return { dataDir, all, writeKey, token };
}

test('T6, issue 6.1: what frames were acknowledged is stored exactly once, through kills of the server amid them', async () => {
  const { dataDir, all, writeKey, token } = await startAll();
  const client = startProcess(process.execPath, [CLIENT, all.url, writeKey, String(FRAMES)]);
  closers.add(() => client.end('SIGKILL'));
  for (const share of [0.2, 0.5, 0.8]) {
    while (client.stdout.length < share * FRAMES * 10) await sleep(5);
    await all.restart();
  }
  await client.waitForLine(/^done$/, 120_000);
  await nothingPending(all.url, token);
  const acknowledged = new Set(client.stdout.slice(0, -1));
  expect(acknowledged.size).toBe(FRAMES * 10);
  const databaseUrl = (await lastConnectionString(join(dataDir, 'postgres'), 'postgres')) as string;
  expect(await accountFor(databaseUrl, acknowledged)).toMatchObject(NOTHING_WRONG);
}, 200_000);

test('O8, issue 6.1: a server that is stopped answers the frames in hand, and the client goes on at the next one', async () => {
  const { all, writeKey } = await startAll();
  const client = startProcess(process.execPath, [CLIENT, all.url, writeKey, '2000']);
  closers.add(() => client.end('SIGKILL'));
  while (client.stdout.length < 5000) await sleep(5);
  expect(await all.stop()).toBe(0);
  await all.restart();
  await client.waitForLine(/^done$/, 120_000);
  expect(new Set(client.stdout).size).toBe(2000 * 10 + 1);
}, 120_000);

test('a client that offers another protocol with its request is answered as if it had not', async () => {
  const { all, writeKey } = await startAll();
  const status = await new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${writeKey}`,
      'content-type': 'application/json',
      connection: 'Upgrade, HTTP2-Settings',
      upgrade: 'h2c',
      'http2-settings': 'AAMAAABkAAQCAAAAAAIAAAAA',
    };
    const sent = request(`${all.url}/v1/events`, { method: 'POST', headers }, ({ statusCode }) => resolve(statusCode));
    sent.on('error', reject);
    sent.end('{"sessionId":"s","type":"click"}');
  });
  expect(status).toBe(202);
  const elsewhere = await new Promise((resolve, reject) => {
    const headers = { connection: 'Upgrade', upgrade: 'websocket' };
    request(`${all.url}/v1/sessions`, { headers }, ({ statusCode }) => resolve(statusCode))
      .on('error', reject)
      .end();
  });
  expect(elsewhere).toBe(404);
}, 60_000);
