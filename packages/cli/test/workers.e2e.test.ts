import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import {
  accountFor,
  Closers,
  describeWithKafka,
  generateEvents,
  groupShares,
  NOTHING_WRONG,
  sendRecorded,
} from '@wayline/testkit';
import { nothingPending, startDistributed } from './distributed.ts';

const closers = new Closers();
afterEach(() => closers.closeAll(), 60_000);

async function untilShared(brokers: readonly string[], expected: readonly number[]): Promise<void> {
  let shares: number[] = [];
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(200)) {
    shares = await groupShares(brokers, { group: 'wayline', topic: 'wayline.events' });
    if (String(shares) === String(expected)) return;
  }
  throw new Error(`The partitions are shared as ${shares}, not as ${expected}`);
}

await describeWithKafka(
  'O2: two workers',
  () => {
    test('T6: share the 12 partitions; when one is killed the other goes on from the stored positions', async () => {
      const { kafka, postgres, ingest, query, workers, writeKey, token } = await startDistributed(closers, {
        workers: 2,
      });
      const start = new Date(Date.now() - 86_400_000).toISOString();
      const events = [...generateEvents({ count: 20_000, seed: 3, start, hours: 1 })];
      const sent = new Set<string>();
      const send = async (from: number, to: number) => {
        const { acknowledged } = await sendRecorded(events.slice(from, to), {
          url: () => ingest.url,
          writeKey,
          batchSize: 500,
          concurrency: 4,
        });
        for (const id of acknowledged) sent.add(id);
      };

      await untilShared(kafka.brokers, [6, 6]);
      await send(0, 5_000);
      await nothingPending(query.url, token);

      const second = send(5_000, 20_000); // the kill comes in the middle of it
      await workers[0]?.kill();
      await second;
      await nothingPending(query.url, token);
      await untilShared(kafka.brokers, [12]);
      const accounting = await accountFor(postgres.url, sent);
      expect(accounting).toMatchObject({ ...NOTHING_WRONG, stored: 20_000 });
      expect(accounting.ledger).toMatchObject({ read: 20_000, duplicate: 0 });
    }, 180_000);
  },
  { own: true },
);
