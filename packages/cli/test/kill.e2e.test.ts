import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { lastConnectionString } from '@wayline/postgres-server';
import {
  accountFor,
  Closers,
  describeWithKafka,
  generateEvents,
  NOTHING_WRONG,
  seededRandom,
  sendRecorded,
} from '@wayline/testkit';
import { nothingPending, startDistributed, startRestartable } from './distributed.ts';

const SEED = 7;
/** The workload's times must lie in the window of an ordinary key. */
const START = new Date(Date.now() - 86_400_000).toISOString();

const closers = new Closers();
afterEach(() => closers.closeAll(), 60_000);

interface Scene {
  events: number;
  kills: number;
  url: string;
  writeKey: string;
  /** Where `GET /v1/ledger` is served, and a token for it. */
  queryUrl: string;
  token: string;
  /** Each kills one thing, and sees to it that it starts again. */
  faults: readonly (() => Promise<void>)[];
  databaseUrl(): Promise<string>;
}

/** Sends the whole workload while things are killed at random moments of it, one after the other, then counts. */
async function killAndCount(scene: Scene): Promise<void> {
  const { events, kills } = scene;
  const random = seededRandom(SEED);
  const moments = Array.from({ length: kills }, () => Math.floor(random() * events * 0.95)).sort((a, b) => a - b);
  let done = Promise.resolve();
  let killed = 0;
  async function* amidKills(): AsyncGenerator<string> {
    let sent = 0;
    for (const line of generateEvents({ count: events, seed: SEED, start: START, hours: 6 })) {
      for (; sent === moments[0]; moments.shift()) {
        await done; // else the last would come when nothing is sent any more
        killed++;
        done = scene.faults[Math.floor(random() * scene.faults.length)]?.() ?? done;
        done.catch(() => {}); // it is awaited later
      }
      sent++;
      yield line;
    }
  }
  const recording = await sendRecorded(amidKills(), {
    url: () => scene.url,
    writeKey: scene.writeKey,
    batchSize: 400,
    concurrency: 6,
    repeatEvery: 25,
  });
  await done;
  expect(killed).toBe(kills);
  expect(recording.acknowledged.size).toBe(events);

  const sentAt = performance.now();
  await nothingPending(scene.queryUrl, scene.token);
  const drainSeconds = (performance.now() - sentAt) / 1000;
  const accounting = await accountFor(await scene.databaseUrl(), recording.acknowledged);
  const { seconds, retries, repeated } = recording;
  const rate = (over: number): string => `${Math.round(events / over)}/s`;
  process.stderr.write(
    `${events} events, ${killed} kills: acknowledged in ${seconds.toFixed(1)} s (${rate(seconds)}), stored in ` +
      `${(seconds + drainSeconds).toFixed(1)} s (${rate(seconds + drainSeconds)}); ${retries} requests tried again, ` +
      `${repeated} repeated on purpose, ${accounting.ledger.duplicate} duplicates found\n`,
  );
  expect(accounting).toMatchObject(NOTHING_WRONG);
  expect(accounting.stored).toBe(events);
  expect(accounting.ledger.duplicate).toBeGreaterThanOrEqual(repeated * 400);
}

describe('T6: what was acknowledged is stored exactly once, through SIGKILL at random moments', () => {
  test('embedded: the whole of it, or its PostgreSQL', async () => {
    const dataDir = await closers.folder('test');
    const all = await startRestartable(closers, ['all'], { WAYLINE_DATA_DIR: dataDir });
    const { writeKey, token } = JSON.parse(await readFile(join(dataDir, 'dev.json'), 'utf8'));
    const killPostgres = async () => {
      const pidFile = join(dataDir, 'postgres', 'cluster', 'postmaster.pid');
      let text: string | undefined;
      // It may just be starting again after the kill before.
      while (!text) text = await readFile(pidFile, 'utf8').catch(() => sleep(20, undefined));
      process.kill(Number(text.split('\n')[0]), 'SIGKILL');
    };
    await killAndCount({
      events: 100_000,
      kills: 6,
      url: all.url,
      queryUrl: all.url,
      writeKey,
      token,
      faults: [all.restart, killPostgres],
      databaseUrl: async () => (await lastConnectionString(join(dataDir, 'postgres'), 'postgres')) as string,
    });
  }, 300_000);
});

await describeWithKafka(
  'T6: on Kafka, what was acknowledged is stored exactly once, through SIGKILL at random moments',
  () => {
    test('ingest, one of two workers, the broker, or PostgreSQL', async () => {
      const { kafka, postgres, ingest, query, workers, ...access } = await startDistributed(closers, { workers: 2 });
      const restartBroker = async () => {
        await kafka.kill(0);
        await kafka.restart(0);
      };
      await killAndCount({
        ...access,
        events: 200_000,
        kills: 10,
        url: ingest.url,
        queryUrl: query.url,
        faults: [ingest.restart, ...workers.map(({ restart }) => restart), restartBroker, postgres.restart],
        databaseUrl: async () => postgres.url,
      });
    }, 400_000);
  },
  { own: true },
);
