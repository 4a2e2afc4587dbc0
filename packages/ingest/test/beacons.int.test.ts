import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type CallerSettings, emptySettings } from '@wayline/settings';
import { CHROMIUM_FLAGS, describeWithChromium } from '@wayline/testkit';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type IngestUnderTest, startIngest, writeKey } from './ingest-under-test.ts';

// What runs in the page is no code of ours.
declare const navigator: { sendBeacon(url: string, data: unknown): boolean };
declare const Blob: new (parts: string[], options: { type: string }) => unknown;
declare function addEventListener(name: string, listener: () => void): void;

describeWithChromium('issue 6.2: beacons of a page on another site', (executablePath) => {
  let browser: Browser;
  let site: Server;
  let ingest: IngestUnderTest;
  let rules: CallerSettings;
  let page: Page;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: [...CHROMIUM_FLAGS] });
    site = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><title>A page</title>');
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    ingest = await startIngest({ settings: { ...emptySettings(), key: () => rules } });
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    await ingest.close();
    site.close();
  });

  beforeEach(async () => {
    rules = { rates: {} };
    await ingest.forget();
    page = await browser.newPage();
    await page.goto(address());
  });
  afterEach(() => page.close());

  /** By a name, so that it is another site than the address of ingest, and not only another port. */
  const address = () => `http://localhost:${(site.address() as AddressInfo).port}/`;
  const door = () => `${ingest.url}/v1/events?key=${writeKey()}`;
  const body = (type: string) => JSON.stringify({ sessionId: 's-1', type, source: { kind: 'app', name: 'shop' } });
  const types = async (count: number) => (await ingest.arrived(count)).map(({ event }) => event.type);

  test('navigator.sendBeacon of a text arrives, with the user agent, and without a preflight', async () => {
    const sent = await page.evaluate(([url, text]) => navigator.sendBeacon(url, text), [
      door(),
      body('beacon'),
    ] as const);
    expect(sent).toBe(true);
    const [logged] = await ingest.arrived(1);
    expect(logged?.event).toMatchObject({ type: 'beacon', userAgent: expect.stringContaining('Chrome') });
    expect(ingest.preflights()).toBe(0);
  });

  test('so does one of JSON, which a browser asks for first, with the cookies that a beacon brings', async () => {
    await page.evaluate(([url, text]) => navigator.sendBeacon(url, new Blob([text], { type: 'application/json' })), [
      door(),
      body('json'),
    ] as const);
    expect(await types(1)).toEqual(['json']);
    expect(ingest.preflights()).toBe(1);
  });

  test('fetch of a text needs no preflight, and the page reads the answer', async () => {
    const answer = await page.evaluate(
      async ([url, text]) => {
        const response = await fetch(url, { method: 'POST', body: text });
        return { status: response.status, id: response.headers.get('x-request-id'), body: await response.json() };
      },
      [door(), body('fetch')] as const,
    );
    expect(answer).toMatchObject({ status: 202, id: expect.any(String), body: { accepted: 1 } });
    expect(ingest.preflights()).toBe(0);
    expect(await types(1)).toEqual(['fetch']);
  });

  test.each([
    { how: 'goes to another page', leave: () => page.goto('about:blank') },
    { how: 'is closed', leave: () => page.close({ runBeforeUnload: true }) },
  ])('what a page sends as it $how arrives', async ({ leave }) => {
    await page.evaluate(
      ([url, beacon, kept]) => {
        addEventListener('pagehide', () => {
          navigator.sendBeacon(url, beacon);
          void fetch(url, { method: 'POST', body: kept, keepalive: true });
        });
      },
      [door(), body('last beacon'), body('last fetch')] as const,
    );
    await leave();
    expect((await types(2)).sort()).toEqual(['last beacon', 'last fetch']);
  });

  test('I2: a page whose origin the key does not allow may read why, and nothing of it is logged', async () => {
    rules = { rates: {}, origins: ['https://shop.example'] };
    const send = () =>
      page.evaluate(
        async ([url, text]) => {
          const response = await fetch(url, { method: 'POST', body: text });
          return { status: response.status, body: await response.json() };
        },
        [door(), body('fetch')] as const,
      );
    expect(await send()).toMatchObject({ status: 403, body: { code: 'origin_not_allowed' } });
    rules = { rates: {}, origins: [new URL(address()).origin] };
    expect((await send()).status).toBe(202);
    expect(await ingest.logged()).toHaveLength(1);
  });
});
