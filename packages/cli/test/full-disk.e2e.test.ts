import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { IdentifiedEvent } from '@wayline/contracts';
import {
  accountFor,
  Closers,
  createTestDatabase,
  NOTHING_WRONG,
  sessionEvents,
  smallDisksPossible,
  startOnSmallDisk,
} from '@wayline/testkit';
import type { DevFile } from '../src/dev-file.ts';
import { nothingPending } from './distributed.ts';

const CLI = fileURLToPath(new URL('../bin/wayline.js', import.meta.url));
const DISK_BYTES = 32 * 1024 * 1024;

const closers = new Closers();
afterEach(() => closers.closeAll(), 60_000);

const possible = await smallDisksPossible();
if (!possible) process.stderr.write('SKIPPED: the full disk of wayline all: no small disk can be mounted here\n');

/** Sends a session of 50 events of 2 KB a call, once; tells which were acknowledged, and all answers. */
function createSender({ url, writeKey }: DevFile) {
  const answers: { status: number; code?: string; retryAfter: string | null }[] = [];
  const acknowledged = new Set<string>();
  const sent = new Set<string>();
  return {
    answers,
    acknowledged,
    sent,
    async send(): Promise<number> {
      const events: IdentifiedEvent[] = sessionEvents(50, { context: { pad: 'x'.repeat(2000) } });
      for (const { eventId } of events) sent.add(eventId);
      const response = await fetch(`${url}/v1/events`, {
        method: 'POST',
        headers: { authorization: `Bearer ${writeKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(events),
      });
      const { code } = (await response.json()) as { code?: string };
      answers.push({ status: response.status, code, retryAfter: response.headers.get('retry-after') });
      if (response.status === 202) for (const { eventId } of events) acknowledged.add(eventId);
      return response.status;
    },
  };
}

(possible ? describe : describe.skip)('T6: wayline all, when the disk of its log is full', () => {
  test('refuses events with 503, goes on reading, and takes events again by itself when there is room', async () => {
    const dataDir = await closers.folder('test');
    const folder = join(dataDir, 'log');
    await mkdir(folder);
    const database = await createTestDatabase();
    closers.add(() => database.close());
    const env = { PORT: '0', WAYLINE_DATA_DIR: dataDir, DATABASE_URL: database.url };
    const command = [process.execPath, CLI, 'all'] as const;
    const disk = await startOnSmallDisk({ folder, bytes: DISK_BYTES }, command, { env });
    closers.add(() => disk.process.end());
    await disk.process.waitForLine(/Stop with Ctrl-C/);
    await disk.occupy(DISK_BYTES / 2);
    const dev = JSON.parse(await readFile(join(dataDir, 'dev.json'), 'utf8')) as DevFile;
    const { send, answers, acknowledged, sent } = createSender(dev);
    const get = (path: string) => fetch(`${dev.url}${path}`, { headers: { authorization: `Bearer ${dev.token}` } });

    const refused = () => answers.filter(({ status }) => status === 503);
    while (refused().length < 30) {
      await Promise.all(Array.from({ length: 4 }, send));
      if (refused().length > 0) await sleep(100); // over several of the pauses in which nothing is tried
    }
    expect(acknowledged.size).toBeGreaterThan(2000);
    await disk.process.waitForLine(/There is no room left on disk for the event log in /);

    // What was acknowledged is read and stored meanwhile, and can be asked for.
    await nothingPending(dev.url, dev.token);
    expect(await accountFor(database.url, acknowledged, sent)).toMatchObject(NOTHING_WRONG);
    expect((await get('/readyz')).status).toBe(200);
    const [some] = acknowledged;
    expect(await (await get(`/v1/events/${some}`)).json()).toMatchObject({ fate: 'stored' });
    for (let taken = 0; (await send()) !== 503; taken++) expect(taken).toBeLessThan(10); // what little may still fit

    await disk.release();
    const freedAt = performance.now();
    while ((await send()) !== 202) await sleep(50);
    expect(performance.now() - freedAt).toBeLessThan(5000);
    for (let i = 0; i < 20; i++) expect(await send()).toBe(202);
    await nothingPending(dev.url, dev.token);
    expect(await accountFor(database.url, acknowledged, sent)).toMatchObject(NOTHING_WRONG);
    for (const answer of answers) {
      if (answer.status !== 202) expect(answer).toEqual({ status: 503, code: 'log_unavailable', retryAfter: '5' });
    }
    expect(await disk.process.end()).toEqual({ code: 0, signal: null });
  }, 120_000);
});
