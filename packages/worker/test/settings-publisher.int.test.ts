import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TOPICS } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import { createEmbeddedLog } from '@wayline/event-log/embedded';
import { createKafkaLog } from '@wayline/event-log/kafka';
import { formatSetting, readSettingVersions } from '@wayline/settings';
import { changeSetting, createPool, hasUnpublishedSettings, inTransaction, publishSettings } from '@wayline/store';
import { describeWithKafka, startKafka, startTcpProxy, type TcpProxy } from '@wayline/testkit';
import type pg from 'pg';
import { createStoreDatabase } from '../../store/test/store-database.ts';
import { type SettingsPublisherOptions, startSettingsPublisher } from '../src/index.ts';

const topics = [{ name: TOPICS.settings, partitions: 1, compacted: true }];
const closers: (() => Promise<unknown>)[] = [];
const told: string[] = [];
const tell = (_: object, message: string) => void told.push(message);
const logger = { info: tell, warn: tell, error: tell };
let folder: string;
let databaseUrl: string;
let pool: pg.Pool;

beforeEach(async () => {
  told.length = 0;
  folder = await mkdtemp(join(tmpdir(), 'wayline-publisher-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const database = await createStoreDatabase();
  closers.push(() => database.close());
  databaseUrl = database.url;
  pool = openPool(databaseUrl);
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
}, 60_000);

function openPool(url: string): pg.Pool {
  const made = createPool({ url, max: 5, applicationName: 'test', connectTimeoutMs: 2000 });
  closers.push(() => made.end());
  return made;
}

async function openLog(name = 'log'): Promise<EventLog> {
  const log = await createEmbeddedLog({ folder: join(folder, name), topics });
  closers.push(() => log.close());
  return log;
}

function publish(log: EventLog, options: Partial<SettingsPublisherOptions> = {}): { stop(): Promise<void> } {
  const publisher = startSettingsPublisher({ log, pool, logger, everyMs: 20, ...options });
  closers.push(() => publisher.stop());
  return publisher;
}

const set = (key: string, patch: object): Promise<unknown> =>
  inTransaction(pool, (client) => changeSetting(client, key, patch as Record<string, unknown>));

/** Keys and values as they stand last in the topic, the versions left out. */
async function inTopic(log: EventLog): Promise<Record<string, object>> {
  const values: Record<string, object> = {};
  const follower = log.follow({
    topic: TOPICS.settings,
    onRecord({ key, value }) {
      const { version, ...rest } = JSON.parse(String(value)) as { version: number };
      expect(version).toBeGreaterThan(0);
      values[String(key)] = rest;
    },
  });
  await follower.caughtUp;
  follower.close();
  return values;
}

const count = async (log: EventLog): Promise<number> => (await log.ranges(TOPICS.settings))[0]?.end ?? 0;

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 20_000; !(await condition()); await sleep(10)) {
    if (Date.now() > deadline) throw new Error(`Not seen in 20 s: ${what}`);
  }
}

const published = (log: EventLog) => until('all published', async () => !(await hasUnpublishedSettings(pool, log.id)));

describe('the publisher of settings', () => {
  test('brings what was set before and after its start to the log, each once, in the order of the versions', async () => {
    await set('project:1', { name: 'Shop', pastDays: 3 });
    await set('project:1', { pastDays: null, retentionDays: 9 });
    const log = await openLog();
    publish(log);
    await published(log);
    expect(await inTopic(log)).toEqual({ 'project:1': { name: 'Shop', retentionDays: 9 } });
    await set('key:1:k1', { revokedAt: 5 });
    await set('project:2', { name: 'Other' });
    await published(log);
    expect(await inTopic(log)).toEqual({
      'project:1': { name: 'Shop', retentionDays: 9 },
      'key:1:k1': { revokedAt: 5 },
      'project:2': { name: 'Other' },
    });
    await sleep(200); // in which nothing must be written again
    expect(await count(log)).toBe(3);
  });

  test('that runs in several processes while many change the same settings leaves the last state last', async () => {
    const log = await openLog();
    for (let i = 0; i < 3; i++) publish(log, { pool: openPool(databaseUrl), everyMs: 5 });
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; i < 25; i++) await set(`project:${1 + (i % 3)}`, { [`w${writer}`]: i, last: `${writer}.${i}` });
    });
    await Promise.all(writers);
    await published(log);
    const { rows } = await pool.query<{ key: string; value: object }>('SELECT key, value FROM settings');
    expect(await inTopic(log)).toEqual(Object.fromEntries(rows.map(({ key, value }) => [key, value])));
    expect(rows[0]?.value).toMatchObject(
      Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`w${i}`, expect.any(Number)])),
    );
  });

  test('leaves it to another that is at it, and writes what that one has noted not again', async () => {
    const log = await openLog();
    await set('key:1:k1', { revokedAt: 5 });
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const appended: number[] = [];
    const publishOnce = (name: number, wait?: Promise<void>) =>
      publishSettings(pool, log.id, {
        limit: 10,
        async append() {
          appended.push(name);
          await wait;
        },
      });
    const first = publishOnce(1, gate);
    await until('the first at its append', () => appended.length === 1);
    expect(await publishOnce(2)).toBeUndefined();
    open();
    expect(await first).toBe(1);
    expect(await publishOnce(3)).toBe(0);
    expect(appended).toEqual([1]);
  });

  test('that died after the append and before it was noted writes the settings again: nothing is lost', async () => {
    const log = await openLog();
    await set('key:1:k1', { revokedAt: 5 });
    const dying = publishSettings(pool, log.id, {
      limit: 10,
      async append(settings) {
        await log.append(TOPICS.settings, settings.map(formatSetting));
        await pool.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
        );
      },
    });
    await expect(dying).rejects.toThrow();
    expect(await hasUnpublishedSettings(pool, log.id)).toBe(true);
    publish(log);
    await published(log);
    expect(await count(log)).toBe(2);
    expect(await inTopic(log)).toEqual({ 'key:1:k1': { revokedAt: 5 } });
  });

  test('tells another log everything from the beginning', async () => {
    await set('key:1:k1', { revokedAt: 5 });
    const [one, other] = [await openLog('one'), await openLog('other')];
    for (const log of [one, other]) {
      publish(log);
      await published(log);
      expect(await inTopic(log)).toEqual({ 'key:1:k1': { revokedAt: 5 } });
    }
  });

  test('writes again what the log has lost, though it was published', async () => {
    const log = await openLog();
    await set('key:1:k1', { revokedAt: 5 });
    await set('project:1', { pastDays: 5 });
    // As if published, and the topic made again since.
    await publishSettings(pool, log.id, { limit: 10, append: async () => {} });
    expect(await count(log)).toBe(0);
    publish(log);
    await until('both again', async () => (await count(log)) === 2);
    expect(await inTopic(log)).toEqual({ 'key:1:k1': { revokedAt: 5 }, 'project:1': { pastDays: 5 } });
    expect(told).toContainEqual(expect.stringContaining('had lost settings'));
  });

  test('sets right a setting of which an older version was written after the newer one', async () => {
    const log = await openLog();
    await set('key:1:k1', { eventsPerSecond: 5 });
    const publisher = publish(log);
    await published(log);
    const old = (await readSettingVersions(log, TOPICS.settings, new AbortController().signal)).get(
      'key:1:k1',
    ) as number;
    await set('key:1:k1', { revokedAt: 7 });
    await published(log);
    await publisher.stop();
    // The append of a publisher that had lost its lock while it stood still.
    await log.append(TOPICS.settings, [
      formatSetting({ key: 'key:1:k1', version: old, value: { eventsPerSecond: 5 } }),
    ]);
    publish(log, { verifyEveryMs: 50 });
    await until('the right one last', async () => 'revokedAt' in ((await inTopic(log))['key:1:k1'] ?? {}));
  });

  test('goes on when PostgreSQL comes back, and tells once that it was away', async () => {
    const log = await openLog();
    const { hostname, port } = new URL(databaseUrl);
    const proxy: TcpProxy = await startTcpProxy({ host: hostname, port: Number(port) });
    closers.push(() => proxy.close());
    const through = new URL(databaseUrl);
    through.host = `127.0.0.1:${proxy.port}`;
    publish(log, { pool: openPool(through.href) });
    await set('project:1', { pastDays: 5 });
    await published(log);
    proxy.cutAll();
    await set('project:1', { pastDays: 6 });
    await until('the warning', () => told.some((message) => message.includes('cannot be published')));
    await sleep(200); // several attempts, which are not told
    expect(told.filter((message) => message.includes('cannot be published'))).toHaveLength(1);
    proxy.resume();
    await published(log);
    expect(await inTopic(log)).toEqual({ 'project:1': { pastDays: 6 } });
  });

  test('behind a pooler in transaction mode needs nothing of a session: no lock is left when it is done', async () => {
    const log = await openLog();
    await set('project:1', { pastDays: 5 });
    publish(log);
    await published(log);
    const { rows } = await pool.query(
      "SELECT * FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    expect(rows).toEqual([]);
  });
});

describe('versions', () => {
  test('become visible in their order, however the transactions overlap', async () => {
    const first = await pool.connect();
    await first.query('BEGIN');
    await changeSetting(first, 'project:1', { pastDays: 1 });
    let second = false;
    const later = set('project:2', { pastDays: 2 }).then(() => {
      second = true;
    });
    await until('the second to wait', async () => {
      const { rows } = await pool.query(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      return rows.length > 0;
    });
    expect(second).toBe(false);
    await first.query('COMMIT');
    first.release();
    await later;
    const { rows } = await pool.query<{ key: string }>('SELECT key FROM settings ORDER BY version');
    expect(rows.map(({ key }) => key)).toEqual(['project:1', 'project:2']);
  });

  test('follow the clock, so that a database restored to an earlier moment does not use them again', async () => {
    const before = Date.now();
    await set('project:1', {});
    const { rows } = await pool.query<{ version: number }>('SELECT version FROM settings');
    expect(rows[0]?.version).toBeGreaterThanOrEqual(before);
    await pool.query('UPDATE settings_version SET version = $1', [Date.now() + 3_600_000]); // a clock that went back
    await set('project:1', {});
    const { rows: after } = await pool.query<{ version: number }>('SELECT version FROM settings');
    expect(after[0]?.version).toBeGreaterThan(Date.now() + 3_000_000);
  });
});

await describeWithKafka('the publisher of settings, on Kafka', () => {
  test('waits while Kafka is away, and goes on when it is back', async () => {
    const kafka = await startKafka({ proxied: true });
    closers.push(() => kafka.close());
    const log = await createKafkaLog({ brokers: kafka.brokers, topics, logger, appendDeadlineMs: 1000 });
    closers.push(() => log.close());
    await set('project:1', { pastDays: 5 });
    publish(log);
    await published(log);
    for (const proxy of kafka.proxies) proxy.cutAll();
    await set('project:1', { pastDays: 6 });
    await until('the warning', () => told.some((message) => message.includes('cannot be published')));
    for (const proxy of kafka.proxies) proxy.resume();
    await published(log);
    expect(await inTopic(log)).toEqual({ 'project:1': { pastDays: 6 } });
  }, 90_000);
});
