import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import type { IdentifiedEvent } from '@wayline/contracts';
import { startPostgresServer } from '@wayline/postgres-server';
import {
  accountFor,
  Closers,
  describeWithKafka,
  freePort,
  NOTHING_WRONG,
  runWayline,
  sessionEvents,
  startKafka,
} from '@wayline/testkit';
import { createAllInOne, type Running } from './all-in-one.ts';
import { nothingPending } from './distributed.ts';

const closers = new Closers();
afterEach(() => closers.closeAll(), 60_000);

async function post({ dev }: Running, events: readonly IdentifiedEvent[], key = dev.writeKey): Promise<number> {
  const response = await fetch(`${dev.url}/v1/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(events),
  });
  await response.body?.cancel();
  return response.status;
}

/** A PostgreSQL that can be away, at an address that stays. */
async function startDatabase() {
  const dataDir = join(await closers.folder('test'), 'postgres');
  const port = await freePort();
  let server = await startPostgresServer({ dataDir, port });
  closers.add(() => server.stop());
  return {
    url: server.connectionString('postgres'),
    goAway: () => server.stop('immediate'),
    async comeBack() {
      server = await startPostgresServer({ dataDir, port });
    },
  };
}

await describeWithKafka(
  'O1: moving wayline all to Kafka',
  () => {
    test('is refused until the embedded log is stored, then loses and doubles nothing, and neither does moving back', async () => {
      const kafka = await startKafka();
      closers.add(() => kafka.close());
      const all = await createAllInOne();
      closers.add(() => all.close());
      const database = await startDatabase();
      const embedded = { DATABASE_URL: database.url };
      const onKafka = { ...embedded, KAFKA_BROKERS: kafka.brokers.join(','), KAFKA_SESSION_SECONDS: '8' };
      const settle = async (running: Running) => {
        await nothingPending(running.dev.url, running.dev.token);
        expect(await running.process.end()).toEqual({ code: 0, signal: null });
      };
      const refusal = async () => {
        const refused = all.launch(onKafka);
        const [line] = await refused.waitForLine(/^(wayline: .*|Wayline is ready)/);
        expect(line).toContain('wayline: ');
        expect(await refused.exited).toEqual({ code: 2, signal: null });
        expect({ stdout: refused.stdout, stderr: refused.stderr }).toEqual({ stdout: [], stderr: [line] });
        return line;
      };
      const [early, unread, late, left, back, last] = Array.from({ length: 6 }, () => sessionEvents(300));
      const acknowledged = new Set<string>();
      const send = async (running: Running, events: readonly IdentifiedEvent[] = []) => {
        expect(await post(running, events)).toBe(202);
        for (const { eventId } of events) acknowledged.add(eventId);
      };

      // Stored are the early ones; of the others, only the embedded log knows.
      let running = await all.start(embedded);
      const { writeKey } = running.dev;
      const admin = { env: { DATABASE_URL: database.url, WAYLINE_SECRET_FILE: join(all.dataDir, 'secrets.json') } };
      const { stdout: revoked } = await runWayline(['admin', 'create-key', '--project', 'default'], admin);
      expect(await post(running, [], revoked)).not.toBe(401);
      expect((await runWayline(['admin', 'revoke-key', revoked], admin)).code).toBe(0);
      await send(running, early);
      await nothingPending(running.dev.url, running.dev.token);
      await database.goAway();
      await send(running, unread);
      expect((await running.process.end()).code).toBe(0);
      await database.comeBack();

      const sentence =
        /^wayline: The embedded log still holds (\d+) records that are not in PostgreSQL: start without KAFKA_BROKERS until `GET \/v1\/ledger` shows none pending, then again with it\.$/;
      for (let i = 0; i < 2; i++) expect(sentence.exec(await refusal())?.[1]).toBe('300');

      running = await all.start(embedded);
      await settle(running);

      running = await all.start(onKafka);
      expect(running.dev.writeKey).toBe(writeKey);
      expect(running.printed()).toContain(`Kafka at ${kafka.brokers[0]}`);
      expect(await post(running, [], revoked)).toBe(401);
      await send(running, late);
      await send(running, unread); // tried again by a sender that had no answer: each is a duplicate
      await nothingPending(running.dev.url, running.dev.token);
      expect(await accountFor(database.url, acknowledged)).toMatchObject({
        ...NOTHING_WRONG,
        stored: 900,
        ledger: { read: 1200, stored: 900, duplicate: 300, expired: 0 },
      });

      // Back, while Kafka holds what is not stored: it stays there until it is Kafka's turn again.
      await database.goAway();
      await send(running, left);
      expect((await running.process.end()).code).toBe(0);
      await database.comeBack();
      running = await all.start(embedded);
      expect(await post(running, [], revoked)).toBe(401);
      await send(running, back);
      await settle(running);
      expect(await accountFor(database.url, acknowledged)).toMatchObject({ stored: 1200, doubled: [], foreign: [] });

      running = await all.start(onKafka);
      await send(running, last);
      await settle(running);
      expect(await accountFor(database.url, acknowledged)).toMatchObject({
        ...NOTHING_WRONG,
        stored: 1800,
        ledger: { read: 2100, stored: 1800, duplicate: 300, expired: 0 },
      });
    }, 240_000);
  },
  { own: true },
);
