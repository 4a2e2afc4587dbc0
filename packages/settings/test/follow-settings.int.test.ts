import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TOPICS } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import { createEmbeddedLog } from '@wayline/event-log/embedded';
import { createKafkaLog } from '@wayline/event-log/kafka';
import { describeWithKafka, startKafka } from '@wayline/testkit';
import { type FollowSettingsOptions, followSettings, formatSetting, type LiveSettings } from '../src/index.ts';

const topic = TOPICS.settings;
const topics = [{ name: topic, partitions: 1, compacted: true }];

const closers: (() => Promise<unknown>)[] = [];
const told: string[] = [];
const tell = (_: object, message: string) => void told.push(message);
const logger = { info: tell, warn: tell, error: tell };
let folder: string;
let file: string;

beforeEach(async () => {
  told.length = 0;
  folder = await mkdtemp(join(tmpdir(), 'wayline-settings-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  file = join(folder, 'settings.ndjson');
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
}, 60_000);

async function openLog(name = 'log'): Promise<EventLog> {
  const log = await createEmbeddedLog({ folder: join(folder, name), topics });
  closers.push(() => log.close());
  return log;
}

function follow(log: EventLog, options: Partial<FollowSettingsOptions> = {}): LiveSettings {
  const settings = followSettings({ log, topic, logger, ...options });
  closers.push(() => settings.close());
  return settings;
}

const write = (log: EventLog, ...settings: [key: string, version: number, value?: object][]) =>
  log.append(
    topic,
    settings.map(([key, version, value = {}]) => formatSetting({ key, version, value })),
  );

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 20_000; !(await condition()); await sleep(10)) {
    if (Date.now() > deadline) throw new Error(`Not seen in 20 s: ${what}`);
  }
}

describe('settings that follow the log', () => {
  test('are ready only when the whole topic was read, and change with it from then on', async () => {
    const log = await openLog();
    for (let i = 0; i < 30; i++) {
      await write(
        log,
        ...Array.from(
          { length: 100 },
          (_, k) => [`key:1:k${i}x${k}`, i * 100 + k + 1, { revokedAt: 1 }] as [string, number, object],
        ),
      );
    }
    const settings = follow(log);
    expect(settings.freshness()).toMatchObject({ source: 'none', version: 0 });
    await settings.ready;
    expect(settings.freshness()).toMatchObject({ source: 'log', version: 3000, heardAtMs: expect.any(Number) });
    expect(settings.key(1, 'k29x99').refused).toBe('revoked');
    expect(settings.key(1, 'k30x0').refused).toBeUndefined();
    await write(log, ['key:1:k30x0', 3001, { revokedAt: 1 }]);
    await until('the change', () => settings.key(1, 'k30x0').refused === 'revoked');
  });

  test('pass over what is no setting, what is older, and what they do not know', async () => {
    const log = await openLog();
    await log.append(topic, [
      { key: 'project:1', value: Buffer.from('{"version":5,"requestsPerSecond":5}') },
      { key: 'project:1', value: Buffer.from('{ this is no JSON') },
      { key: 'project:1', value: Buffer.alloc(0) },
      { key: 'project:1', value: Buffer.from('{"version":4,"requestsPerSecond":4}') },
      { key: 'project:1', value: Buffer.from([0xff, 0xfe]) },
      { key: 'robot:1', value: Buffer.from('{"version":6}') },
      { key: '', value: Buffer.from('{"version":6}') },
      { key: 'key:1:k1', value: Buffer.from('{"version":7,"revokedAt":1,"later":[]}') },
    ]);
    const settings = follow(log);
    await settings.ready;
    expect(settings.project(1).rates).toEqual({ requestsPerSecond: 5 });
    expect(settings.key(1, 'k1').refused).toBe('revoked');
    expect(told.filter((message) => message.includes('no setting'))).toHaveLength(3);
  });

  test('leave a copy that has each change a moment later, and all of them when closed', async () => {
    const log = await openLog();
    await write(log, ['project:1', 1, { requestsPerSecond: 5 }]);
    const settings = follow(log, { file });
    await settings.ready;
    const copied = async (text: string) => (await readFile(file, 'utf8').catch(() => '')).includes(text);
    await until('the first copy', () => copied('project:1 '));
    await write(log, ['key:1:k1', 2, { revokedAt: 1 }]);
    await until('the change in the copy', () => copied('key:1:k1 '));
    await write(log, ['key:1:k2', 3, { revokedAt: 1 }]);
    await until('the change', () => settings.key(1, 'k2').refused === 'revoked');
    await settings.close();
    expect(await copied('key:1:k2 ')).toBe(true);
  });

  test('keep what is in the copy where the topic has lost it, and take what is newer there', async () => {
    const log = await openLog();
    await write(log, ['project:1', 10, { requestsPerSecond: 10 }]);
    const id = JSON.stringify(log.id);
    await writeFile(
      file,
      `{"format":1,"logId":${id}}\nproject:1 {"version":9,"requestsPerSecond":9}\nproject:2 {"version":3,"pastDays":3}\n` +
        'key:1:k1 {"version":8,"revokedAt":1}\nproject:3 { is damaged\nrobot:1 {"version":1}\n',
    );
    const settings = follow(log, { file });
    await settings.ready;
    expect(settings.project(1).rates).toEqual({ requestsPerSecond: 10 });
    expect(settings.key(1, 'k1').refused).toBe('revoked');
    expect(settings.project(2).pastDays).toBe(3);
  });

  test('take of the copy of another log nothing but what was revoked', async () => {
    await writeFile(
      file,
      '{"format":1,"logId":"another"}\nproject:1 {"version":9,"requestsPerSecond":9}\nkey:1:k1 {"version":8,"revokedAt":1}\n',
    );
    const settings = follow(await openLog(), { file });
    await settings.ready;
    expect(settings.project(1)).toEqual({ rates: {} });
    expect(settings.key(1, 'k1').refused).toBe('revoked');
  });

  test('I2: are those of the copy, after a while, where the log can never be read whole', async () => {
    const log = await openLog();
    const names = Array.from({ length: 20_000 }, (_, n) => `k${n}`);
    await write(log, ...names.map((name, n): [string, number, object] => [`key:1:${name}`, n + 1, { revokedAt: 1 }]));
    await writeFile(file, `{"format":1,"logId":${JSON.stringify(log.id)}}\nkey:1:copied {"version":8,"revokedAt":1}\n`);
    const settings = follow(log, { file, patienceMs: 100 });
    while (settings.key(1, 'k0').refused === undefined) await nextTurn();
    await log.close();
    await settings.ready;
    expect(settings.freshness().source).toBe('copy');
    expect(settings.key(1, 'copied').refused).toBe('revoked');
    expect(settings.key(1, 'k19999').refused).toBeUndefined();
  });

  test('begin without a copy that cannot be read, say so, and make a new one', async () => {
    const log = await openLog();
    await write(log, ['key:1:k1', 2, { revokedAt: 1 }]);
    await writeFile(file, 'nonsense');
    const settings = follow(log, { file });
    await settings.ready;
    expect(told).toContainEqual(expect.stringContaining('cannot be used'));
    await until('a new copy', async () => (await readFile(file, 'utf8')).includes('key:1:k1 '));
  });

  test('go on without a copy where it cannot be written, and say so', async () => {
    const log = await openLog();
    await write(log, ['key:1:k1', 2, { revokedAt: 1 }]);
    const settings = follow(log, { file: join(folder, 'nowhere', 'settings.ndjson') });
    await settings.ready;
    await until('the warning', () => told.some((message) => message.includes('could not be written')));
    expect(settings.key(1, 'k1').refused).toBe('revoked');
  });

  test('can be closed at any time, and twice', async () => {
    const log = await openLog();
    const settings = follow(log, { file });
    await Promise.all([settings.close(), settings.close()]);
    await expect(settings.ready).rejects.toThrow();
  });
});

await describeWithKafka('settings, while Kafka is away', () => {
  test('I2, T5: are those of the copy after a while, without one they are waited for; then the log again', async () => {
    const kafka = await startKafka({ proxied: true });
    closers.push(() => kafka.close());
    const open = async () => {
      const log = await createKafkaLog({ brokers: kafka.brokers, topics, logger });
      closers.push(() => log.close());
      return log;
    };
    const first = await open();
    await write(first, ['key:1:k1', 2, { revokedAt: 1 }], ['project:1', 3, { pastDays: 5 }]);
    const before = follow(first, { file });
    await before.ready;
    await before.close();
    const logs = [await open(), await open()] as const;

    const writer = await createKafkaLog({ brokers: kafka.brokers, topics });
    closers.push(() => writer.close());
    for (const proxy of kafka.proxies) proxy.cutAll();
    const [copied, waiting] = [
      follow(logs[0], { file, patienceMs: 500 }),
      follow(logs[1], { file: join(folder, 'none'), patienceMs: 500 }),
    ];
    let ready = false;
    void waiting.ready.then(() => {
      ready = true;
    });
    await copied.ready;
    expect(copied.freshness().source).toBe('copy');
    expect(copied.key(1, 'k1').refused).toBe('revoked');
    expect(copied.project(1).pastDays).toBe(5);
    expect(told).toContainEqual(expect.stringContaining('settings are those of the copy'));
    await sleep(1000);
    expect(ready).toBe(false);

    for (const proxy of kafka.proxies) proxy.resume();
    await waiting.ready;
    await until('the log', () => copied.freshness().source === 'log');
    await write(writer, ['key:1:k2', 4, { revokedAt: 1 }]);
    for (const settings of [copied, waiting]) {
      await until('the change', () => settings.key(1, 'k2').refused === 'revoked');
    }
  }, 90_000);
});
