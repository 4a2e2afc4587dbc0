import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runWayline } from '@wayline/testkit';
import type { DevFile } from '../src/dev-file.ts';
import { type AllInOne, createAllInOne } from './all-in-one.ts';

let all: AllInOne;
let dev: DevFile;
const occurredAt = Date.now() - 60_000;
const EVENTS = Array.from({ length: 20 }, (_, n) => ({
  sessionId: 's/1',
  type: n % 2 ? 'click' : 'pageVisit',
  machineId: 'm-1',
  occurredAt: occurredAt + n,
  target: '=1+1',
}));

beforeAll(async () => {
  all = await createAllInOne();
  ({ dev } = await all.start());
  const headers = { authorization: `Bearer ${dev.writeKey}`, 'content-type': 'application/json' };
  const { status } = await fetch(`${dev.url}/v1/events`, { method: 'POST', headers, body: JSON.stringify(EVENTS) });
  expect(status).toBe(202);
  const asked = { headers: { authorization: `Bearer ${dev.token}` } };
  const stored = async () => {
    const answer = await fetch(`${dev.url}/v1/sessions/s%2F1`, asked);
    return ((await answer.json()) as { eventCount?: number }).eventCount;
  };
  for (const deadline = Date.now() + 30_000; (await stored()) !== EVENTS.length; await sleep(50)) {
    if (Date.now() > deadline) throw new Error('the events were not stored');
  }
}, 120_000);
afterAll(() => all.close());

const exported = (args: string[], env: Record<string, string> = {}) =>
  runWayline(['export', ...args], { env: { WAYLINE_DATA_DIR: all.dataDir, ...env }, cwd: all.folder });

describe('O14: wayline export', () => {
  test.each([
    { args: ['--session', 's/1'], lines: 20 },
    { args: ['--session', 's/1', '--type', 'click'], lines: 10 },
    { args: ['--machine', 'm-1', '--from', new Date(occurredAt + 5).toISOString()], lines: 15 },
    { args: ['--to', new Date(occurredAt + 5).toISOString()], lines: 5 },
    { args: [], lines: 20 },
  ])('$args writes its events to standard output, and says how complete they are', async ({ args, lines }) => {
    const { code, stdout, stderr } = await exported(args);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^wayline: complete through 20\S+Z$/),
    });
    const events = stdout.split('\n');
    expect(events).toHaveLength(lines);
    for (const line of events) expect(JSON.parse(line)).toMatchObject({ sessionId: 's/1', machineId: 'm-1' });
  });

  test('writes other formats into files', async () => {
    const into = async (file: string, ...args: string[]): Promise<string> => {
      expect((await exported([...args, '--output', file])).code).toBe(0);
      return readFile(join(all.folder, file), 'utf8');
    };
    const csv = await into('s.csv', '--session', 's/1', '--format', 'csv', '--escape-formulas');
    expect(csv.split('\r\n')).toHaveLength(22);
    expect(csv).toContain(",'=1+1,");
    const otlp = JSON.parse(await into('s.otlp.json', '--session', 's/1', '--format', 'otlp'));
    expect(otlp.resourceSpans[0].scopeSpans[0].spans[0].events).toHaveLength(20);
    const chrome = JSON.parse(await into('s.chrome.json', '--session', 's/1', '--format', 'chrome'));
    expect(chrome.traceEvents.filter(({ ph }: { ph: string }) => ph === 'i')).toHaveLength(20);
  });

  test('that breaks off ends with 1, and leaves no file that could be taken for whole', async () => {
    const breaking = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.write('{"eventId":"1"}\n', () => response.socket?.resetAndDestroy());
    });
    await new Promise<void>((resolve) => breaking.listen(0, '127.0.0.1', resolve));
    const env = { WAYLINE_URL: `http://127.0.0.1:${(breaking.address() as AddressInfo).port}`, WAYLINE_TOKEN: 'any' };
    const { code, stderr } = await exported(['--output', 'broken.ndjson'], env);
    breaking.close();
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('broke off') });
    expect((await readdir(all.folder)).filter((name) => name.startsWith('broken'))).toEqual([]);
  });

  test.each([
    { args: ['--session', 's', '--machine', 'm'], says: 'not both' },
    { args: ['--session', 's', '--from', '2026-01-01T00:00:00Z'], says: '--from' },
    { args: ['--format', 'otlp'], says: '--session' },
    { args: ['--escape-formulas'], says: 'csv' },
    { args: ['--from', 'yesterday'], says: '`from`' },
    { args: ['--session', 'never'], says: 'never' },
  ])('$args is refused with 2, in a sentence', async ({ args, says }) => {
    const { code, stdout, stderr } = await exported(args);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringContaining(says) });
  });
});
