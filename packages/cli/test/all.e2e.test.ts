import { once } from 'node:events';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { lastConnectionString } from '@wayline/postgres-server';
import { createPool } from '@wayline/store';
import { runWayline, startProcess } from '@wayline/testkit';
import { type AllInOne, bash, createAllInOne, processesNaming, type Running } from './all-in-one.ts';

const CLI = fileURLToPath(new URL('../bin/wayline.js', import.meta.url));

let all: AllInOne;
beforeEach(async () => {
  all = await createAllInOne();
});
afterEach(() => all.close());

const curlLines = (running: Running) =>
  running
    .printed()
    .split('\n')
    .filter((line) => line.startsWith('curl '));

async function postEvent({ dev }: Running, event: object): Promise<number> {
  const response = await fetch(`${dev.url}/v1/events`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${dev.writeKey}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(event),
  });
  await response.body?.cancel();
  return response.status;
}

/** The number of stored events of a session, as soon as there are some. */
async function storedEvents({ dev, process }: Running, sessionId: string): Promise<number> {
  const url = `${dev.url}/v1/sessions/${sessionId}/events`;
  for (;;) {
    const response = await fetch(url, { headers: { Authorization: `Bearer ${dev.token}` } });
    const { events = [] } = (await response.json()) as { events?: unknown[] };
    if (events.length > 0) return events.length;
    if (response.status >= 500 && response.status !== 503) throw new Error(`${response.status} at ${url}`);
    await Promise.race([new Promise((resolve) => setTimeout(resolve, 50)), process.exited]);
  }
}

describe('O1: wayline all', () => {
  test('starts on an empty folder, prints lines that work as they are, and stops with code 0 on Ctrl-C', async () => {
    const running = await all.start();
    const { dev } = running;

    const mode = async (name: string) => ((await stat(join(all.dataDir, name))).mode & 0o777).toString(8);
    expect(await Promise.all(['.', 'secrets.json', 'dev.json'].map(mode))).toEqual(['700', '600', '600']);
    expect(Object.keys(dev)).toEqual(['url', 'dashboardUrl', 'project', 'writeKey', 'token']);
    for (const text of [dev.url, dev.dashboardUrl, dev.writeKey, dev.token, all.dataDir]) {
      expect(running.printed()).toContain(text);
    }
    expect((await fetch(`${dev.url}/readyz`)).status).toBe(200);
    expect((await fetch(`${dev.url}/livez`)).status).toBe(200);
    expect((await fetch(dev.dashboardUrl)).status).toBe(200);
    expect((await fetch(`${dev.url}/v1/ledger`)).status).toBe(401);

    const [send, read, ledger] = curlLines(running) as [string, string, string];
    expect(JSON.parse(await bash(send, all.folder))).toMatchObject({ accepted: 1, rejected: [] });
    expect(JSON.parse(await bash(read, all.folder))).toMatchObject({ events: [{ type: 'pageVisit' }] });
    expect(await bash(ledger, all.folder)).toContain('stored');
    expect(running.printed()).toMatch(/npx wayline import --format access-log \S+apache_access\.log\.gz/);

    expect(await running.process.end('SIGINT')).toEqual({ code: 0, signal: null });
    expect(running.process.stderr).toEqual([]);
    expect(await processesNaming(all.dataDir)).toEqual([]);
  });

  test('finds project, key and data again after a stop', async () => {
    const first = await all.start();
    expect(await postEvent(first, { sessionId: 'kept', type: 'click' })).toBe(202);
    expect(await storedEvents(first, 'kept')).toBe(1);
    await first.process.end('SIGTERM');

    const second = await all.start();
    expect(second.dev).toMatchObject({ project: first.dev.project, writeKey: first.dev.writeKey });
    expect(await storedEvents(second, 'kept')).toBe(1);
    const oldToken = { ...second, dev: { ...second.dev, token: first.dev.token } };
    expect(await storedEvents(oldToken, 'kept')).toBe(1);
  });

  test('T6: finds everything acknowledged again after SIGKILL', async () => {
    const first = await all.start();
    const statuses = await Promise.all(
      Array.from({ length: 20 }, (_, seq) => postEvent(first, { sessionId: 'killed', type: 'click', seq })),
    );
    expect(new Set(statuses)).toEqual(new Set([202]));
    await first.process.end('SIGKILL');

    const second = await all.start();
    while ((await storedEvents(second, 'killed')) < 20);
    expect(await storedEvents(second, 'killed')).toBe(20);
  });

  test('Ctrl-C in a terminal, which reaches every process of the group and comes twice under npm, stops cleanly', async () => {
    const running = await all.start({ LOG_LEVEL: 'info' });
    const { pid } = running.process;
    expect(await postEvent(running, { sessionId: 's', type: 'click' })).toBe(202);
    process.kill(pid, 'SIGINT');
    await running.process.waitForLine(/"signal":"SIGINT"/); // two at once would be one
    process.kill(pid, 'SIGINT');
    expect(await running.process.exited).toEqual({ code: 0, signal: null });
    expect(await processesNaming(all.dataDir)).toEqual([]);
  });

  test('under npm, a signal to npm alone stops it too, though the shell between does not pass it on', async () => {
    const env = { PORT: '0', WAYLINE_DATA_DIR: all.dataDir, npm_lifecycle_event: 'start' };
    const shell = startProcess('sh', ['-c', '"$1" "$2" all; exit', 'sh', process.execPath, CLI], { env });
    await shell.waitForLine(/^Wayline is ready/);
    expect(await processesNaming(all.dataDir)).not.toEqual([]);
    expect(await shell.end('SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
    expect(await processesNaming(all.dataDir)).toEqual([]);
  });
});

describe('O1: a start that cannot succeed gets one clear sentence, exit code 2, and leaves nothing running', () => {
  async function refused(env: Record<string, string>): Promise<string> {
    const began = performance.now();
    const start = all.launch(env);
    expect((await start.exited).code).toBe(2);
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(start.stdout).toEqual([]);
    expect(start.stderr).toHaveLength(1);
    expect(await processesNaming(all.dataDir)).toEqual([]);
    return start.stderr[0] as string;
  }

  test('a port that is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    expect(await refused({ PORT: String(port) })).toBe(
      `wayline: Port ${port} of 127.0.0.1 is taken by another program; stop that, or set PORT to another (0 is any free one).`,
    );
    other.close();
  });

  test('a folder that cannot be written', async () => {
    await writeFile(join(all.folder, 'file'), '');
    const dataDir = join(all.folder, 'file', 'data');
    expect(await refused({ WAYLINE_DATA_DIR: dataDir })).toBe(
      `wayline: The data folder ${dataDir} cannot be written: a part of the path is a file. Set WAYLINE_DATA_DIR to another.`,
    );
  });

  test('a DATABASE_URL where nothing listens, and one that is no address', async () => {
    expect(await refused({ DATABASE_URL: 'postgres://w:hunter2@127.0.0.1:9/w' })).toMatch(
      /^wayline: PostgreSQL at 127\.0\.0\.1:9 cannot be reached/,
    );
    expect(await refused({ DATABASE_URL: 'hunter2' })).toMatch(/^wayline: DATABASE_URL must be an address/);
  });

  test('KAFKA_BROKERS where nothing listens, and one that is no list', async () => {
    expect(await refused({ KAFKA_BROKERS: '127.0.0.1:9' })).toMatch(/127\.0\.0\.1:9/);
    expect(await refused({ KAFKA_BROKERS: 'kafka' })).toMatch(/^wayline: KAFKA_BROKERS must be a list/);
  });

  test('Kafka in place of an embedded log that still holds unread records', async () => {
    const running = await all.start();
    const postgres = await all.postgresPid();
    process.kill(postgres, 'SIGSTOP'); // so that what is acknowledged now cannot be stored
    expect(await postEvent(running, { sessionId: 's', type: 'click' })).toBe(202);
    await running.process.end('SIGKILL');
    process.kill(postgres, 'SIGCONT');
    const refusal = all.launch({ KAFKA_BROKERS: '127.0.0.1:9' });
    expect((await refusal.exited).code).toBe(2);
    expect(refusal.stderr).toEqual([expect.stringMatching(/^wayline: The embedded log still holds 1 record/)]);

    const drained = await all.start();
    expect(await storedEvents(drained, 's')).toBe(1);
  });

  test('a secret file that was spoilt', async () => {
    await mkdir(all.dataDir, { mode: 0o700 });
    await writeFile(join(all.dataDir, 'secrets.json'), '{}', { mode: 0o600 });
    expect(await refused({})).toMatch(/^wayline: The secret file \S+ does not have the form/);
  });
});

test('O10: a database schema newer than the program ends with code 3, and leaves no PostgreSQL behind', async () => {
  const running = await all.start();
  const url = (await lastConnectionString(join(all.dataDir, 'postgres'), 'postgres')) as string;
  const pool = createPool({ url, max: 1, applicationName: 'a newer program' });
  await pool.query("INSERT INTO pgmigrations (name, run_on) VALUES ('9999_from-the-future', now())");
  await pool.end();
  await running.process.end();

  const older = all.launch();
  expect((await older.exited).code).toBe(3);
  expect(older.stderr).toEqual([expect.stringMatching(/^wayline: The database schema is newer/)]);
  expect(await processesNaming(all.dataDir)).toEqual([]);
});

describe('O1: one that runs', () => {
  let shared: AllInOne;
  let running: Running;
  beforeAll(async () => {
    shared = await createAllInOne();
    running = await shared.start();
  }, 60_000);
  afterAll(() => shared.close());

  test('a second start on the same folder says which process runs, and where, and disturbs nothing', async () => {
    const second = await runWayline(['all'], { env: { PORT: '0', WAYLINE_DATA_DIR: shared.dataDir } });
    expect(second.code).toBe(2);
    expect(second.stderr.split('\n')).toHaveLength(1);
    expect(second.stderr).toContain(`${running.process.pid}`);
    expect(second.stderr).toContain(running.dev.url);
    expect(await postEvent(running, { sessionId: 's', type: 'click' })).toBe(202);
    expect(await storedEvents(running, 's')).toBe(1);
  });

  test('O9: admin commands reach a running one through its data folder', async () => {
    const env = { WAYLINE_DATA_DIR: shared.dataDir };
    const made = await runWayline(['admin', 'create-project', 'shop', '--json'], { env });
    expect(made).toMatchObject({ code: 0, stderr: '' });
    const key = await runWayline(['admin', 'create-key', '--project', 'shop'], { env });
    const token = await runWayline(['admin', 'create-token', '--project', 'shop', '--scopes', 'read'], { env });
    const shop: Running = { ...running, dev: { ...running.dev, writeKey: key.stdout, token: token.stdout } };
    expect(await postEvent(shop, { sessionId: 'of-shop', type: 'click' })).toBe(202);
    expect(await storedEvents(shop, 'of-shop')).toBe(1);

    // I5: the other project sees nothing of it.
    const other = await fetch(`${running.dev.url}/v1/sessions/of-shop`, {
      headers: { Authorization: `Bearer ${running.dev.token}` },
    });
    expect(other.status).toBe(404);
  });

  test('T5: starts PostgreSQL again when it is killed, and takes events meanwhile', async () => {
    expect(await postEvent(running, { sessionId: 'before', type: 'click' })).toBe(202);
    expect(await storedEvents(running, 'before')).toBe(1);
    const pid = await shared.postgresPid();
    process.kill(pid, 'SIGKILL');
    expect(await postEvent(running, { sessionId: 'meanwhile', type: 'click' })).toBe(202);
    await running.process.waitForLine(/PostgreSQL is back/);
    expect(await storedEvents(running, 'before')).toBe(1);
    expect(await storedEvents(running, 'meanwhile')).toBe(1);
    expect(await shared.postgresPid()).not.toBe(pid);
    await running.process.waitForHttp(`${running.dev.url}/readyz`);
    expect((await running.process.end('SIGINT')).code).toBe(0); // so this is the last of them
  });
});
