import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { CHROMIUM_FLAGS, describeWithChromium, freePort, runWayline } from '@wayline/testkit';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { DevFile } from '../src/dev-file.ts';
import { type AllInOne, createAllInOne, type Running } from './all-in-one.ts';
import { nothingPending } from './distributed.ts';

describeWithChromium('C5: the dashboard, in a browser', (executablePath) => {
  let all: AllInOne;
  let env: { PORT: string };
  let running: Running;
  let dev: DevFile;
  let browser: Browser;
  let page: Page;
  let complaints: string[];
  let addresses: string[];

  beforeAll(async () => {
    all = await createAllInOne();
    env = { PORT: String(await freePort()) };
    [running, browser] = await Promise.all([
      all.start(env),
      chromium.launch({ executablePath, args: [...CHROMIUM_FLAGS] }),
    ]);
    ({ dev } = running);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await all?.close();
  });

  beforeEach(async () => {
    complaints = [];
    addresses = [];
    page = await browser.newPage();
    page.setDefaultTimeout(15_000);
    page.on('pageerror', (error) => void complaints.push(String(error)));
    page.on('request', (request) => void addresses.push(request.url()));
  });
  afterEach(async () => {
    await page.close();
    expect(complaints).toEqual([]);
    // Addresses stand in logs of proxies, and in histories.
    for (const address of addresses) expect(address).not.toContain(dev.token.slice(-20));
  });

  async function open(place: string, token = dev.token): Promise<void> {
    await page.goto(`${dev.dashboardUrl}#token=${token}`);
    await page.goto(`${dev.dashboardUrl}#${place}`);
  }

  async function send(...events: readonly object[]): Promise<void> {
    const response = await fetch(`${dev.url}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${dev.writeKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(events),
    });
    expect(response.status).toBe(202);
  }

  const state = (text: string) => page.getByRole('status').filter({ hasText: text }).waitFor();
  const shown = () => page.locator('.events .what').allTextContents();
  const shows = (target: string) => page.locator('.events .what', { hasText: target }).waitFor();

  describe('A10: the live tail', () => {
    test('shows an event as it is sent, of those that are asked for, and leads to its session', async () => {
      await open('/live');
      await state('Live');
      await page.getByLabel('Event type').fill('purchase');
      await page.getByRole('button', { name: 'Show' }).click();
      await page.waitForURL(/type=purchase/);
      await state('Live');
      const event = { sessionId: 'live-1', source: { kind: 'app', name: 'shop' } };
      await send({ ...event, type: 'click', target: 'other' }, { ...event, type: 'purchase', target: 'order-1' });
      await shows('order-1');
      expect(await shown()).toEqual(['order-1']);
      await page.getByRole('link', { name: 'live-1' }).click();
      await page.getByRole('heading', { name: 'live-1' }).waitFor();
    }, 60_000);

    test('a pause stands still, and makes up for what came meanwhile', async () => {
      await open('/live?type=paused');
      await state('Live');
      await page.getByRole('button', { name: 'Pause' }).click();
      await state('Paused');
      await send({ sessionId: 'live-2', type: 'paused', target: 'meanwhile' });
      await nothingPending(dev.url, dev.token);
      expect(await shown()).toEqual([]);
      await page.getByRole('button', { name: 'Go on' }).click();
      await shows('meanwhile');
      await send({ sessionId: 'live-2', type: 'paused', target: 'after' });
      await shows('after');
      expect(await shown()).toEqual(['after', 'meanwhile']);
    }, 60_000);

    test('says when the server is away, and goes on by itself where it was, when it is back', async () => {
      await open('/live?type=kept');
      await state('Live');
      await send({ sessionId: 'live-3', type: 'kept', target: 'before' });
      await shows('before');
      await running.process.end('SIGKILL');
      await state('Connecting again');
      await page.getByRole('alert').filter({ hasText: 'It is tried again' }).waitFor();
      running = await all.start(env);
      await send({ sessionId: 'live-3', type: 'kept', target: 'after' });
      await shows('after');
      await state('Live');
      expect(await page.getByRole('alert').count()).toBe(0);
      expect(await shown()).toEqual(['after', 'before']);
    }, 90_000);

    test('says so when the token may not read, and does not ask again', async () => {
      const { stdout } = await runWayline(
        ['admin', 'create-token', '--project', 'default', '--scopes', 'aggregation'],
        { env: { WAYLINE_DATA_DIR: all.dataDir } },
      );
      await open('/live', stdout.trim());
      await state('Refused');
      expect(await page.getByRole('alert').textContent()).toContain('read');
      expect(addresses.filter((address) => address.includes('/v1/tail'))).toHaveLength(1);
    }, 60_000);
  });

  describe('A5, O14: a session is saved', () => {
    // What stands in an address, a name of a file and a spreadsheet otherwise than it is.
    const sessionId = 'a/ß "1"';
    const COUNT = 5_000;
    const path = `/v1/sessions/${encodeURIComponent(sessionId)}`;

    beforeAll(async () => {
      for (let sent = 0; sent < COUNT; sent += 2_500) {
        const events = Array.from({ length: 2_500 }, (_, i) => ({
          sessionId,
          type: 'saved',
          seq: sent + i,
          target: '=1+1',
          source: { kind: 'app', name: i % 2 ? 'shop' : 'checkout', instance: 'one' },
        }));
        await send(...events);
      }
      await nothingPending(dev.url, dev.token);
    }, 60_000);

    test.each([
      { name: 'OTLP', form: '/trace?format=otlp', ends: '.otlp.json' },
      { name: 'Chrome', form: '/trace?format=chrome', ends: '.chrome.json' },
      { name: 'NDJSON', form: '/export?format=ndjson', ends: '.ndjson' },
      { name: 'CSV', form: '/export?format=csv&formulas=escape', ends: '.csv' },
    ])(
      'whole, as $name',
      async ({ name, form, ends }) => {
        await open(`/sessions/${encodeURIComponent(sessionId)}`);
        const button = page.getByRole('button', { name, exact: true });
        const [download] = await Promise.all([page.waitForEvent('download'), button.click()]);
        const saved = await readFile(await download.path(), 'utf8');
        const headers = { authorization: `Bearer ${dev.token}` };
        expect(saved).toBe(await (await fetch(dev.url + path + form, { headers })).text());
        expect(saved.match(/"?saved"?/g)?.length).toBeGreaterThanOrEqual(COUNT);
        expect(download.suggestedFilename().endsWith(ends)).toBe(true);
        expect(download.url()).toMatch(/^blob:/);
      },
      60_000,
    );

    test('one that cannot be had says why', async () => {
      await open(`/sessions/${encodeURIComponent(sessionId)}`);
      await page.getByRole('button', { name: 'CSV' }).waitFor();
      await page.context().setOffline(true);
      await page.getByRole('button', { name: 'CSV' }).click();
      await page.getByRole('alert').filter({ hasText: 'CSV: The export broke off' }).waitFor();
      await page.context().setOffline(false);
    }, 60_000);
  });
});
