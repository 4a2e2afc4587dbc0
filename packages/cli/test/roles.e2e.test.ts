import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  createTestDatabase,
  describeWithKafka,
  type KafkaCluster,
  runWayline,
  startKafka,
  startWayline,
  type TestDatabase,
  type TestProcess,
} from '@wayline/testkit';

interface Role {
  process: TestProcess;
  url: string;
}

let folder: string;
let database: TestDatabase;
let environment: Record<string, string>;
const started: TestProcess[] = [];

/** Starts a role on a free port, and resolves when it says that it is ready. */
async function start(role: 'ingest' | 'worker' | 'query', env: Record<string, string> = {}): Promise<Role> {
  // T5: ingest is not even told where PostgreSQL is.
  const { DATABASE_URL, ...rest } = environment;
  const own = role === 'ingest' ? rest : { ...rest, DATABASE_URL: DATABASE_URL as string };
  const process = startWayline([role], { env: { ...own, HOST: '127.0.0.1', PORT: '0', ...env } });
  started.push(process);
  const [, url] = (await process.waitForLine(/"url":"([^"]+)".*is ready"/)) as unknown as [string, string];
  return { process, url };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-roles-'));
  database = await createTestDatabase();
  environment = { DATABASE_URL: database.url, WAYLINE_SECRET_FILE: join(folder, 'secrets.json') };
  await runWayline(['admin', 'create-secret', join(folder, 'secrets.json')]);
});
afterAll(async () => {
  await Promise.all(started.map((process) => process.end()));
  await database.close();
  await rm(folder, { recursive: true });
});

test.each([
  ['ingest', ['WAYLINE_SECRET_FILE', 'KAFKA_BROKERS']],
  ['worker', ['WAYLINE_SECRET_FILE', 'DATABASE_URL', 'KAFKA_BROKERS']],
  ['query', ['WAYLINE_SECRET_FILE', 'DATABASE_URL', 'KAFKA_BROKERS']],
])('%s by itself says, a sentence each, what it cannot do without', async (role, names) => {
  const { code, stdout, stderr } = await runWayline([role]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr.split('\n').map((line) => line.split(' ')[1])).toEqual(names);
});

test.each(['worker', 'query'])('%s refuses a database without the migrations', async (role) => {
  const env = { ...environment, KAFKA_BROKERS: '127.0.0.1:9', HOST: '127.0.0.1', PORT: '0' };
  const { code, stderr } = await runWayline([role], { env });
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: 'wayline: The database schema is older than this program; run `wayline migrate` first.',
  });
});

await describeWithKafka(
  'O2: the roles as processes of their own, on Kafka',
  () => {
    let kafka: KafkaCluster;
    let key: string;
    let token: string;

    beforeAll(async () => {
      kafka = await startKafka();
      environment = { ...environment, KAFKA_BROKERS: kafka.brokers.join(',') };
      const run = async (...args: string[]) => {
        const { code, stdout, stderr } = await runWayline(args, { env: environment });
        expect({ code, stderr }).toMatchObject({ code: 0 });
        return stdout;
      };
      await run('migrate');
      await run('admin', 'create-project', 'shop');
      key = await run('admin', 'create-key', '--project', 'shop');
      token = await run('admin', 'create-token', '--project', 'shop', '--scopes', 'read');
    });
    afterAll(() => kafka.close());

    const post = (url: string, sessionId: string) =>
      fetch(`${url}/v1/events`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
        body: JSON.stringify({ sessionId, type: 'click' }),
      });

    test('an event goes from ingest over the worker to query; each is ready, and stops with code 0', async () => {
      const [ingest, worker, query] = await Promise.all([start('ingest'), start('worker'), start('query')]);
      for (const { url } of [ingest, worker, query]) {
        expect((await fetch(`${url}/livez`)).status).toBe(200);
        expect((await fetch(`${url}/readyz`)).status).toBe(200);
        const nowhere = await fetch(`${url}/nowhere`);
        expect(nowhere.status).toBe(404);
        expect(nowhere.headers.get('content-type')).toContain('application/problem+json');
      }
      const sessionId = randomUUID();
      expect((await post(ingest.url, sessionId)).status).toBe(202);
      const read = () =>
        fetch(`${query.url}/v1/sessions/${sessionId}`, { headers: { Authorization: `Bearer ${token}` } });
      let session = await read();
      for (; session.status === 404; await sleep(20)) session = await read();
      expect(await session.json()).toMatchObject({ sessionId, eventCount: 1 });

      for (const { process } of [ingest, worker, query]) {
        expect(await process.end('SIGTERM')).toEqual({ code: 0, signal: null });
      }
    });

    test('T5: ingest stays ready for a while when Kafka is away, and answers 503 with Retry-After', async () => {
      const ingest = await start('ingest');
      await kafka.kill(0);
      const refused = await post(ingest.url, 's');
      expect(refused.status).toBe(503);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await fetch(`${ingest.url}/readyz`)).status).toBe(200);
      await kafka.restart(0);
      let accepted = await post(ingest.url, 's');
      for (; accepted.status === 503; await sleep(100)) accepted = await post(ingest.url, 's');
      expect(accepted.status).toBe(202);
      expect((await ingest.process.end('SIGTERM')).code).toBe(0);
    });
  },
  { own: true },
);
