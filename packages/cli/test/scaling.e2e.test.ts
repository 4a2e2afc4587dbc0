import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { createPool } from '@wayline/store';
import {
  accountFor,
  Closers,
  describeWithKafka,
  generateEvents,
  groupShares,
  type KafkaAdmin,
  NOTHING_WRONG,
  openKafkaAdmin,
  ownedPartitions,
  sendRecorded,
} from '@wayline/testkit';
import { nothingPending, type Restartable, startDistributed } from './distributed.ts';

const GROUP = 'wayline';
const TOPIC = 'wayline.events';
const PARTITIONS = 12;
/** As `startDistributed` sets it. */
const SESSION_MS = 8000;
const LOOK_EVERY_MS = 200;

const closers = new Closers();
afterEach(() => closers.closeAll(), 60_000);

async function untilShared(brokers: readonly string[], expected: readonly number[]): Promise<void> {
  let shares: number[] = [];
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(200)) {
    shares = await groupShares(brokers, { group: GROUP, topic: TOPIC });
    if (String(shares) === String(expected)) return;
  }
  throw new Error(`The partitions are shared as ${shares}, not as ${expected}`);
}

/** Sends events steadily until it is told to end, and then tells which were acknowledged. */
function startLoad(url: string, writeKey: string) {
  const start = new Date(Date.now() - 86_400_000).toISOString();
  const events = generateEvents({ count: 1_000_000, seed: 11, start, hours: 6 });
  const acknowledged = new Set<string>();
  let over = false;
  function* some(): Generator<string> {
    for (let i = 0; i < 400; i++) yield events.next().value as string;
  }
  async function run(): Promise<void> {
    while (!over) {
      const recording = await sendRecorded(some(), { url: () => url, writeKey, batchSize: 200, concurrency: 2 });
      for (const id of recording.acknowledged) acknowledged.add(id);
      await sleep(250);
    }
  }
  const running = run();
  return {
    acknowledged,
    async end() {
      over = true;
      await running;
    },
  };
}

/** Watches, while it is on: for how long a partition had no owner, or stood still though there was something to read. */
function watchPartitions(admin: KafkaAdmin, positions: () => Promise<Map<number, number>>) {
  let over = false;
  let on = false;
  const longest = { ownerlessMs: 0, standstillMs: 0 };
  const ownedAt = new Map<number, number>();
  const movedAt = new Map<number, { position: number; at: number }>();
  async function look(): Promise<void> {
    const [owners, stored, ends] = [
      await ownedPartitions(admin, { group: GROUP, topic: TOPIC }),
      await positions(),
      await admin.fetchTopicOffsets(TOPIC),
    ];
    const at = performance.now();
    for (const { partition, high } of ends) {
      if (owners.has(partition) || !on) ownedAt.set(partition, at);
      const position = stored.get(partition) ?? 0;
      const before = movedAt.get(partition);
      if (!on || !before || before.position !== position || position >= Number(high))
        movedAt.set(partition, { position, at });
      longest.ownerlessMs = Math.max(longest.ownerlessMs, at - (ownedAt.get(partition) ?? at));
      longest.standstillMs = Math.max(longest.standstillMs, at - (movedAt.get(partition)?.at ?? at));
    }
  }
  async function run(): Promise<void> {
    for (; !over; await sleep(LOOK_EVERY_MS)) await look();
  }
  const running = run();
  return {
    longest,
    set: (state: boolean) => {
      on = state;
    },
    async end() {
      over = true;
      await running;
    },
  };
}

await describeWithKafka(
  'O2: workers that come and go under load',
  () => {
    test('T6: 1 → 4 → 1 → 0 → 2, by SIGTERM and SIGKILL: nothing lost or doubled, every partition read again in time', async () => {
      const { kafka, postgres, ingest, query, start, run, writeKey, token } = await startDistributed(closers, {
        workers: 0,
      });
      const admin = await openKafkaAdmin(kafka.brokers);
      closers.add(() => admin.disconnect());
      const pool = createPool({ url: postgres.url, max: 2, applicationName: 'test' });
      closers.add(() => pool.end());
      const positions = async (): Promise<Map<number, number>> => {
        const { rows } = await pool.query<{ partition: number; next_offset: string }>(
          `SELECT partition, next_offset FROM positions WHERE topic = '${TOPIC}'`,
        );
        return new Map(rows.map((row) => [row.partition, Number(row.next_offset)]));
      };
      const watch = watchPartitions(admin, positions);
      closers.add(() => watch.end());
      const startWorkers = (count: number): Promise<Restartable[]> =>
        Promise.all(Array.from({ length: count }, () => start('worker')));

      const load = startLoad(ingest.url, writeKey);
      closers.add(() => load.end());
      const [first] = (await startWorkers(1)) as [Restartable];
      await untilShared(kafka.brokers, [12]);
      watch.set(true);
      await sleep(2000);

      const [second, third, fourth] = (await startWorkers(3)) as [Restartable, Restartable, Restartable];
      await untilShared(kafka.brokers, [3, 3, 3, 3]);
      await sleep(2000);

      const [code] = await Promise.all([first.stop(), second.kill()]);
      expect(code).toBe(0);
      await sleep(1000);
      expect(await third.stop()).toBe(0);
      await untilShared(kafka.brokers, [12]);
      await sleep(2000);

      watch.set(false);
      await fourth.kill();
      const storedBefore = await positions();
      await sleep(3000); // none: the log takes it all

      const [fifth] = (await startWorkers(2)) as [Restartable];
      await untilShared(kafka.brokers, [6, 6]);
      watch.set(true);
      await fifth.restart();
      await untilShared(kafka.brokers, [6, 6]);
      await load.end();
      await nothingPending(query.url, token);
      await watch.end();

      const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);
      const stored = await positions();
      expect(sum(stored.values())).toBeGreaterThan(sum(storedBefore.values()));
      const accounting = await accountFor(postgres.url, load.acknowledged);
      expect(accounting).toMatchObject({ ...NOTHING_WRONG, stored: load.acknowledged.size });
      process.stderr.write(
        `${load.acknowledged.size} events; without an owner for at most ${Math.round(watch.longest.ownerlessMs)} ms, ` +
          `standing still for at most ${Math.round(watch.longest.standstillMs)} ms\n`,
      );
      // A killed worker is waited for until its session times out; then the group forms, and somebody must look.
      expect(watch.longest.ownerlessMs).toBeLessThan(SESSION_MS + 2000);
      // It may hold its partitions for as long again before that; the rest is a busy machine's.
      expect(watch.longest.standstillMs).toBeLessThan(4 * SESSION_MS);

      // What kafka-consumer-groups and KEDA look at is what is stored.
      const committed = async () => {
        const [{ partitions } = { partitions: [] }] = await admin.fetchOffsets({ groupId: GROUP, topics: [TOPIC] });
        return new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)]));
      };
      const sorted = (offsets: Map<number, number>) => [...offsets].sort(([a], [b]) => a - b);
      for (let tries = 0; tries < 50 && sum((await committed()).values()) < sum(stored.values()); tries++)
        await sleep(200);
      expect(sorted(await committed())).toEqual(sorted(stored));
      expect(stored.size).toBe(PARTITIONS);

      // T11: and the recount agrees, of which a change by hand is found.
      const verified = JSON.parse(await run('verify', '--json'));
      expect(verified).toMatchObject({ agrees: true, pending: 0, notes: [] });
      expect(verified.checks.map(({ check }: { check: string }) => check)).toContain('log');
      await pool.query('DELETE FROM events WHERE event_id = (SELECT min(event_id::text)::uuid FROM events)');
      await expect(run('verify')).rejects.toThrow('ended with 1');
    }, 300_000);
  },
  { own: true },
);
