import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createKafkaLog } from '@wayline/event-log/kafka';
import { createPool } from '@wayline/store';
import { Closers, describeWithKafka, runWayline } from '@wayline/testkit';
import { createAllInOne } from './all-in-one.ts';
import { startDistributed } from './distributed.ts';

const closers = new Closers();
afterEach(() => closers.closeAll(), 120_000);

interface Answer {
  status: number;
  code?: string;
  headers: Headers;
}

/** Sends an event. */
async function send(url: string, key: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${url}/v1/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ sessionId: 's-1', type: 'click' }),
  });
  const { code } = (await response.json()) as { code?: string };
  return { status: response.status, code, headers: response.headers };
}

/** Sends until the answer is as wanted; within the minute that a change may take. */
async function sendUntil(status: number, ...request: Parameters<typeof send>): Promise<Answer> {
  for (const deadline = Date.now() + 60_000; ; await sleep(50)) {
    const answer = await send(...request);
    if (answer.status === status) return answer;
    if (Date.now() > deadline) throw new Error(`Not ${status} within a minute, but ${JSON.stringify(answer)}`);
  }
}

describe('settings of wayline all', () => {
  test('I2, I7: what an operator sets works within a minute, and stays over a restart', async () => {
    const all = await createAllInOne();
    closers.add(() => all.close());
    let { process: running, dev } = await all.start();
    const env = { WAYLINE_DATA_DIR: all.dataDir };
    const admin = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await runWayline(['admin', ...args], { env, cwd: all.folder });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return stdout;
    };
    const key = await admin('create-key', '--project', 'default', '--name', 'web');
    expect((await send(dev.url, key)).status).toBe(202);

    await admin('set-key', key, '--origins', 'https://shop.example');
    await sendUntil(403, dev.url, key, { origin: 'https://evil.example' });
    expect((await send(dev.url, key, { origin: 'https://shop.example' })).status).toBe(202);
    await admin('set-project', 'default', '--body-bytes', '1024', '--requests-per-second', '1000');
    for (let headers = new Headers(); !headers.get('ratelimit-policy'); { headers } = await send(dev.url, key)) {
      await sleep(50);
    }

    expect(await admin('revoke-key', key)).toMatch(/is revoked/);
    expect(await sendUntil(401, dev.url, key)).toMatchObject({ code: 'unauthenticated' });
    expect((await send(dev.url, dev.writeKey)).status).toBe(202);
    const copy = join(all.dataDir, 'settings.ndjson');
    for (const keyId = key.split('_')[2] as string; !(await readFile(copy, 'utf8')).includes(keyId); ) await sleep(50);
    expect((await stat(copy)).mode & 0o777).toBe(0o600);

    await running.end('SIGTERM');
    ({ process: running, dev } = await all.start());
    expect((await send(dev.url, key)).status).toBe(401);
    expect((await send(dev.url, dev.writeKey)).status).toBe(202);
    await admin('set-project', 'default', '--disable');
    await sendUntil(403, dev.url, dev.writeKey);
    await admin('set-project', 'default', '--enable');
    await sendUntil(202, dev.url, dev.writeKey);
  }, 120_000);
});

await describeWithKafka('settings of roles on their own', () => {
  test('I2, I6, T5: a revocation reaches every ingest and the worker, with PostgreSQL away from then on too', async () => {
    const stateDir = join(await closers.folder('test'), 'state');
    const system = await startDistributed(closers, { workers: 2, env: { WAYLINE_STATE_DIR: stateDir } });
    const { ingest, writeKey, run, postgres, kafka } = system;
    const other = await run('admin', 'create-key', '--project', 'default');
    expect((await send(ingest.url, writeKey)).status).toBe(202);

    await run('admin', 'revoke-key', writeKey);
    await sendUntil(401, ingest.url, writeKey);
    await postgres.kill();
    await ingest.restart();
    expect((await send(ingest.url, writeKey)).status).toBe(401);
    expect((await send(ingest.url, other)).status).toBe(202);
    const copy = join(stateDir, 'settings.ndjson');
    for (const keyId = writeKey.split('_')[2] as string; !(await readFile(copy, 'utf8')).includes(keyId); )
      await sleep(50);

    // A service that goes on with the key, straight to Kafka.
    const direct = await createKafkaLog({
      brokers: kafka.brokers,
      topics: [{ name: 'wayline.direct', partitions: 12 }],
    });
    closers.add(() => direct.close());
    const value = Buffer.from(JSON.stringify({ sessionId: 's-2', type: 'serviceCall' }));
    await direct.append('wayline.direct', [{ key: 's-2', value, headers: { 'wayline-key': writeKey } }]);
    await postgres.restart();
    const pool = createPool({ url: postgres.url, max: 1, applicationName: 'test' });
    closers.add(() => pool.end());
    const codes = async () => (await pool.query<{ code: string }>('SELECT code FROM dead_letters')).rows;
    for (const deadline = Date.now() + 60_000; (await codes().catch(() => [])).length === 0; await sleep(100)) {
      if (Date.now() > deadline) throw new Error('There is no dead letter after a minute');
    }
    expect(await codes()).toEqual([{ code: 'revoked_key' }]);
  }, 240_000);
});
