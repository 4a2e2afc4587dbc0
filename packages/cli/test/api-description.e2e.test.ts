import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TOPICS } from '@wayline/contracts';
import type { ApiDescription } from '@wayline/contracts/api';
import { createEmbeddedLog } from '@wayline/event-log/embedded';
import { lastConnectionString } from '@wayline/postgres-server';
import { createPool, recordUserCounts } from '@wayline/store';
import {
  type ApiChecker,
  CHROMIUM_FLAGS,
  createApiChecker,
  describeWithChromium,
  type ExampleRequest,
  exampleRequests,
} from '@wayline/testkit';
import { type Browser, chromium } from 'playwright-core';
import { topics } from '../src/compose.ts';
import type { DevFile } from '../src/dev-file.ts';
import { type AllInOne, createAllInOne } from './all-in-one.ts';
import { nothingPending } from './distributed.ts';

let all: AllInOne;
let dev: DevFile;
let description: ApiDescription;
let checker: ApiChecker;

beforeAll(async () => {
  all = await createAllInOne();
  const first = await all.start();
  await first.process.end();
  // The dead letter that the examples name is the first.
  const log = await createEmbeddedLog({ folder: join(all.dataDir, 'log'), topics: topics(12) });
  const value = Buffer.from(JSON.stringify({ sessionId: 's-1', type: 'click', colour: 'red' }));
  await log.append(TOPICS.direct, [{ key: 's-1', value, headers: { 'wayline-key': first.dev.writeKey } }]);
  await log.close();
  ({ dev } = await all.start());
  const answer = await fetch(`${dev.url}/openapi.json`);
  expect(answer.status).toBe(200);
  description = (await answer.json()) as ApiDescription;
  checker = createApiChecker(description);
}, 120_000);
afterAll(() => all?.close());

async function send({
  method,
  path,
  scope,
  contentType,
  body,
}: ExampleRequest): Promise<{ status: number; text: string }> {
  const credential = scope === 'write' ? dev.writeKey : dev.token;
  const headers = {
    ...(scope !== undefined && { authorization: `Bearer ${credential}` }),
    ...(contentType !== undefined && { 'content-type': contentType }),
  };
  const response = await fetch(dev.url + path, { method, headers, body });
  const streams = response.headers.get('content-type')?.startsWith('text/event-stream');
  if (streams) await response.body?.cancel();
  const text = streams ? '' : await response.text();
  checker.check({ method, path, status: response.status, headers: response.headers, text });
  return { status: response.status, text };
}

/** Counts users now, as a worker would at the beginning of the next minute. */
async function countUsers(): Promise<void> {
  const url = (await lastConnectionString(join(all.dataDir, 'postgres'), 'postgres')) as string;
  const pool = createPool({ url, max: 1, applicationName: 'test' });
  try {
    while (!(await recordUserCounts(pool))) await sleep(50); // a worker is at it
  } finally {
    await pool.end();
  }
}

describe('C8: what wayline all describes', () => {
  test('works as its examples show it: first those that write, then those that read', async () => {
    const examples = exampleRequests(description).filter(({ status }) => status !== 101);
    const writes = examples.filter(({ scope }) => scope === 'write');
    const others = examples.filter(({ scope }) => scope !== 'write');
    const wrong: object[] = [];
    const run = async (example: ExampleRequest) => {
      const { status, text } = await send(example);
      if (status !== example.status) wrong.push({ ...example, answered: status, text });
    };
    for (const example of writes) await run(example);
    await nothingPending(dev.url, dev.token);
    await countUsers();
    for (const example of others) await run(example);
    expect(wrong).toEqual([]);
    expect(writes.length).toBeGreaterThan(30);
    expect(others.length).toBeGreaterThan(20);
    // Each operation was answered with its success at least once.
    const unseen = new Set(checker.unseen());
    expect(
      exampleRequests(description).filter((each) => unseen.has(`${each.operationId} ${each.status}`)),
    ).toMatchObject([{ operationId: 'streamEvents' }]);
  }, 180_000);

  test('the stream becomes a WebSocket', async () => {
    const headers = {
      authorization: `Bearer ${dev.writeKey}`,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
    };
    const [response] = (await once(request(`${dev.url}/v1/stream`, { headers }).end(), 'upgrade')) as [IncomingMessage];
    expect(response.statusCode).toBe(101);
    response.socket.destroy();
  });

  test('other methods, and other addresses, are refused as its introduction says', async () => {
    for (const path of ['/livez', '/readyz', '/openapi.json', '/docs', '/v1/events', '/v1/ledger']) {
      const answer = await fetch(dev.url + path, { method: 'PUT' });
      expect({ path, status: answer.status }).toEqual({ path, status: 405 });
    }
    expect((await fetch(`${dev.url}/v1/nothing`)).status).toBe(404);
    expect((await fetch(`${dev.url}/docs/swagger-ui-bundle.js.map`)).status).toBe(404);
    expect((await fetch(`${dev.url}/docs`, { method: 'HEAD' })).status).toBe(200);
  });
});

describeWithChromium('C8: the page to try it, in a browser', (executablePath) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: [...CHROMIUM_FLAGS] });
  }, 60_000);
  afterAll(() => browser?.close());

  test('shows every operation, asks nobody else for anything, and sends what is tried with the token', async () => {
    const page = await browser.newPage();
    const asked: string[] = [];
    const complaints: string[] = [];
    page.on('request', (request) => void asked.push(request.url()));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => void complaints.push(String(error)));
    await page.goto(`${dev.url}/docs`);
    await page.waitForSelector('.opblock');
    const operations = Object.values(description.paths).flatMap((methods) => Object.keys(methods)).length;
    expect(await page.locator('.opblock').count()).toBe(operations);

    await page.click('.btn.authorize');
    const token = page.locator('.auth-container').filter({ has: page.locator('code', { hasText: /^token$/ }) });
    await token.locator('input').fill(dev.token);
    await token.locator('button[type=submit]').click();
    await token.locator('.btn-done').click();
    const listed = page.locator('#operations-Traces-listSessions');
    await listed.locator('.opblock-summary-control').click();
    const answered = page.waitForResponse((response) => response.url().includes('/v1/sessions?'));
    await listed.locator('button.execute').click();
    const answer = await answered;
    expect(answer.status()).toBe(200);
    expect(new URL(answer.url()).searchParams.get('userId')).toBe('u-7');
    await listed.locator('.live-responses-table').waitFor();

    const elsewhere = asked.filter((url) => !url.startsWith(dev.url) && !url.startsWith('data:'));
    expect(elsewhere).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
  }, 60_000);
});
