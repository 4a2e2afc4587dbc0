import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { lastConnectionString, type PostgresServer, startPostgresServer } from '@wayline/postgres-server';
import {
  accountFor,
  describeWithKafka,
  generateEvents,
  NOTHING_WRONG,
  runWayline,
  seededRandom,
  sendRecorded,
  startKafka,
  startWayline,
  type TestProcess,
} from '@wayline/testkit';

const EVENTS = 200_000;
const KILLS = 10;
const SEED = 7;
/** The workload's times must lie in the window of an ordinary key. */
const START = new Date(Date.now() - 86_400_000).toISOString();

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'wayline-kill-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

/** A process that is started again, the same way, after each kill. */
async function restartable(start: () => Promise<TestProcess>): Promise<{ kill(): Promise<void> }> {
  let current = await start();
  closers.push(() => current.end('SIGTERM'));
  return {
    async kill() {
      await current.end('SIGKILL');
      current = await start();
    },
  };
}

interface Scene {
  url: string;
  writeKey: string;
  /** Where `GET /v1/ledger` is served, and a token for it. */
  queryUrl: string;
  token: string;
  /** Kills one thing and starts it again. */
  targets: (() => Promise<void>)[];
  databaseUrl(): Promise<string>;
}

/** Sends the whole workload while things are killed at random moments, then counts. */
async function killAndCount(scene: Scene): Promise<void> {
  const random = seededRandom(SEED);
  const moments = Array.from({ length: KILLS }, () => Math.floor(random() * EVENTS * 0.95)).sort((a, b) => a - b);
  let faults = Promise.resolve();
  let killed = 0;
  const lines = [...generateEvents({ count: EVENTS, seed: SEED, start: START, hours: 6 })];
  const recording = await sendRecorded(lines, {
    url: () => scene.url,
    writeKey: scene.writeKey,
    batchSize: 400,
    concurrency: 6,
    repeatEvery: 25,
    onAcknowledged(total) {
      while (moments.length > 0 && total >= (moments[0] as number)) {
        moments.shift();
        const target = scene.targets[Math.floor(random() * scene.targets.length)] as () => Promise<void>;
        killed++;
        faults = faults.then(target);
      }
    },
  });
  await faults;
  expect(killed).toBe(KILLS);
  expect(recording.acknowledged.size).toBe(EVENTS);

  const storing = performance.now();
  await nothingPending(scene);
  const drainSeconds = (performance.now() - storing) / 1000;
  const accounting = await accountFor(await scene.databaseUrl(), recording.acknowledged);
  const { seconds, retries, repeated } = recording;
  const rate = Math.round(EVENTS / seconds);
  process.stderr.write(
    `${EVENTS} events, ${killed} kills: acknowledged in ${seconds.toFixed(1)} s (${rate}/s), all stored ${drainSeconds.toFixed(1)} s later; ` +
      `${retries} requests tried again, ${repeated} repeated on purpose, ${accounting.ledger.duplicate} duplicates found\n`,
  );
  expect(accounting).toMatchObject(NOTHING_WRONG);
  expect(accounting.stored).toBe(EVENTS);
  expect(accounting.ledger.duplicate).toBeGreaterThanOrEqual(repeated * 400);
}

async function nothingPending({ queryUrl, token }: Scene): Promise<void> {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; await sleep(100)) {
    const response = await fetch(`${queryUrl}/v1/ledger`, { headers: { authorization: `Bearer ${token}` } }).catch(
      () => undefined,
    );
    if (response?.ok && ((await response.json()) as { pending: number | null }).pending === 0) return;
  }
  throw new Error('There are still events pending after two minutes');
}

describe('T6: what was acknowledged is stored exactly once, through SIGKILL at random moments', () => {
  test('embedded: the whole of it, or its PostgreSQL', async () => {
    const dataDir = await temporaryFolder();
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const env = { PORT: String(port), WAYLINE_DATA_DIR: dataDir };
    const all = await restartable(async () => {
      const started = startWayline(['all'], { env });
      await started.waitForHttp(`${url}/readyz`);
      return started;
    });
    const { writeKey, token } = JSON.parse(await readFile(join(dataDir, 'dev.json'), 'utf8'));
    const killPostgres = async () => {
      const pidFile = join(dataDir, 'postgres', 'cluster', 'postmaster.pid');
      let text: string | undefined;
      // It may just be starting again after the kill before.
      while (!text) text = await readFile(pidFile, 'utf8').catch(() => sleep(20, undefined));
      process.kill(Number(text.split('\n')[0]), 'SIGKILL');
    };
    await killAndCount({
      url,
      queryUrl: url,
      writeKey,
      token,
      targets: [all.kill, killPostgres],
      databaseUrl: async () => (await lastConnectionString(join(dataDir, 'postgres'), 'postgres')) as string,
    });
  }, 300_000);
});

await describeWithKafka(
  'T6: on Kafka, what was acknowledged is stored exactly once, through SIGKILL at random moments',
  () => {
    test('ingest, one of two workers, the broker, or PostgreSQL', async () => {
      const folder = await temporaryFolder();
      const kafka = await startKafka();
      closers.push(() => kafka.close());
      const postgres = await restartablePostgres(join(folder, 'postgres'));
      const secretFile = join(folder, 'secrets.json');
      await writeFile(secretFile, JSON.stringify({ secrets: [`${SEED}`.padStart(43, 'secret-')] }), { mode: 0o600 });
      const env = {
        DATABASE_URL: postgres.url,
        KAFKA_BROKERS: kafka.brokers.join(','),
        WAYLINE_SECRET_FILE: secretFile,
        HOST: '127.0.0.1',
        KAFKA_SESSION_SECONDS: '8',
      };
      const run = async (...args: string[]) => {
        const done = await runWayline(args, { env });
        expect(done).toMatchObject({ code: 0 });
        return done.stdout;
      };
      await run('migrate');
      await run('admin', 'create-project', 'default');
      const { key: writeKey } = JSON.parse(await run('admin', 'create-key', '--project', 'default', '--json'));
      const { token } = JSON.parse(
        await run('admin', 'create-token', '--project', 'default', '--scopes', 'admin', '--json'),
      );
      const role = async (name: string) => {
        const port = await freePort();
        const url = `http://127.0.0.1:${port}`;
        const { kill } = await restartable(async () => {
          const started = startWayline([name], { env: { ...env, PORT: String(port) } });
          await started.waitForHttp(`${url}/readyz`, 200, 60_000);
          return started;
        });
        return { url, kill };
      };
      const [ingest, query, ...workers] = await Promise.all(['ingest', 'query', 'worker', 'worker'].map(role));
      const killBroker = async () => {
        await kafka.kill(0);
        await kafka.restart(0);
      };
      await killAndCount({
        url: ingest?.url as string,
        queryUrl: query?.url as string,
        writeKey,
        token,
        targets: [ingest, ...workers]
          .map((each) => (each as { kill(): Promise<void> }).kill)
          .concat(killBroker, postgres.kill),
        databaseUrl: async () => postgres.url,
      });
    }, 400_000);
  },
  { own: true },
);

async function restartablePostgres(dataDir: string): Promise<{ url: string; kill(): Promise<void> }> {
  let server: PostgresServer = await startPostgresServer({ dataDir });
  closers.push(() => server.stop());
  const url = server.connectionString('postgres');
  return {
    url,
    async kill() {
      const gone = server.exited;
      process.kill(server.pid, 'SIGKILL');
      await gone;
      server = await startPostgresServer({ dataDir, port: Number(new URL(url).port) });
    },
  };
}
