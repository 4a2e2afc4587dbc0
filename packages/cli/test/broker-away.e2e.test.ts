import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { type LoggedEvent, TOPICS } from '@wayline/contracts';
import { createKafkaLog } from '@wayline/event-log/kafka';
import { formatWriteKey } from '@wayline/identity/verify';
import {
  Closers,
  describeWithKafka,
  type KafkaCluster,
  startKafka,
  startWayline,
  type TestProcess,
} from '@wayline/testkit';

const closers = new Closers();
afterEach(() => closers.closeAll());

interface Ingest {
  process: TestProcess;
  url: string;
  key: string;
}

async function startIngest(kafka: KafkaCluster): Promise<Ingest> {
  const secretFile = join(await closers.folder('test'), 'secrets.json');
  const made = startWayline(['admin', 'create-secret', secretFile]);
  await made.exited;
  const env = {
    KAFKA_BROKERS: kafka.brokers.join(','),
    WAYLINE_SECRET_FILE: secretFile,
    HOST: '127.0.0.1',
    PORT: '0',
    WAYLINE_IN_FLIGHT_MB: '9',
  };
  const process = startWayline(['ingest'], { env });
  closers.add(() => process.end());
  const [, url] = (await process.waitForLine(/"url":"([^"]+)".*is ready"/)) as unknown as [string, string];
  const { secrets } = JSON.parse(await readFile(secretFile, 'utf8')) as { secrets: string[] };
  const key = formatWriteKey({ projectId: 1, keyId: 'test', allowImport: false }, secrets[0] as string);
  return { process, url, key };
}

interface Counts {
  acknowledged: string[];
  /** By status. */
  answers: Record<number, number>;
  /** Answers of 503 that did not say when to come again. */
  without: number;
  /** Requests on a connection that ingest had just closed for being idle: not acknowledged, and the client's to send again. */
  closed: number;
  slowestMs: number;
}

/** One session after another, each event once: what is refused is not sent again. Until told to stop. */
function startWriters(ingest: Ingest, count: number, bytes: number): { counts: Counts; stop(): Promise<void> } {
  const counts: Counts = { acknowledged: [], answers: {}, without: 0, closed: 0, slowestMs: 0 };
  let stopped = false;
  const write = async (writer: number): Promise<void> => {
    for (let seq = 0; !stopped; seq++) {
      const eventId = randomUUID();
      const event = { eventId, sessionId: `s-${writer}`, type: 'click', seq, context: { pad: 'x'.repeat(bytes) } };
      const begun = performance.now();
      const response = await fetch(`${ingest.url}/v1/events`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ingest.key}`, 'content-type': 'application/json' },
        body: JSON.stringify(event),
      }).catch(() => undefined);
      if (!response) {
        counts.closed++;
        await sleep(100);
        continue;
      }
      await response.arrayBuffer();
      counts.slowestMs = Math.max(counts.slowestMs, performance.now() - begun);
      counts.answers[response.status] = (counts.answers[response.status] ?? 0) + 1;
      if (response.status === 202) counts.acknowledged.push(eventId);
      else if (!response.headers.has('retry-after')) counts.without++;
      if (response.status === 503) await sleep(100);
    }
  };
  const writers = Promise.all(Array.from({ length: count }, (_, writer) => write(writer)));
  return {
    counts,
    async stop() {
      stopped = true;
      await writers;
    },
  };
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !isSo(); await sleep(50)) {
    if (Date.now() > deadline) throw new Error(`Not within a minute: ${what}`);
  }
}

/** All that stands in the topic, partition by partition, in order. */
async function readTopic(kafka: KafkaCluster): Promise<LoggedEvent[]> {
  const topics = [{ name: TOPICS.events, partitions: 12 }];
  const log = await createKafkaLog({ brokers: kafka.brokers, topics });
  closers.add(() => log.close());
  const left = new Map((await log.ranges(TOPICS.events)).map(({ partition, end }) => [partition, end]));
  const events: LoggedEvent[] = [];
  await log.consume({
    group: 'test',
    topics: [TOPICS.events],
    begin: async ({ start }) => ({ offset: start }),
    async handle({ partition, records, nextOffset }) {
      for (const { value } of records) events.push(JSON.parse(String(value)) as LoggedEvent);
      if (nextOffset >= (left.get(partition) ?? 0)) left.delete(partition);
      return nextOffset;
    },
  });
  for (const [partition, end] of left) if (end === 0) left.delete(partition);
  await until('the topic is read', () => left.size === 0);
  return events;
}

async function peakMegabytes({ process }: Ingest): Promise<number> {
  const status = await readFile(`/proc/${process.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

await describeWithKafka('O5: ingest while the broker', () => {
  interface Away {
    what: string;
    goAway(kafka: KafkaCluster): Promise<unknown>;
    comeBack(kafka: KafkaCluster): Promise<unknown>;
    /** What it still takes is acknowledged. */
    stillTakes?: boolean;
  }
  const away: Away[] = [
    { what: 'stands still', goAway: (kafka) => kafka.pause(0), comeBack: (kafka) => kafka.resume(0) },
    { what: 'is gone', goAway: (kafka) => kafka.kill(0), comeBack: (kafka) => kafka.restart(0) },
    {
      what: 'takes a second to answer',
      goAway: async ({ proxies }) => proxies[0]?.slow(500), // there, and back
      comeBack: async ({ proxies }) => proxies[0]?.slow(0),
      stillTakes: true,
    },
  ];
  test.each(away)(
    '$what refuses with 503 and Retry-After, holds a bounded amount, and goes on by itself afterwards',
    async ({ goAway, comeBack, stillTakes = false }) => {
      const kafka = await startKafka({ proxied: stillTakes });
      closers.add(() => kafka.close());
      const ingest = await startIngest(kafka);
      const { counts, stop } = startWriters(ingest, 600, 30_000); // 18 MB of them at once: twice what may be in flight
      await until('events are acknowledged', () => counts.acknowledged.length > 1000);
      await goAway(kafka);
      await until('requests are refused', () => (counts.answers[503] ?? 0) > 2000);
      if (stillTakes) {
        const { length: before } = counts.acknowledged;
        await until('what it takes is acknowledged', () => counts.acknowledged.length > before + 300);
      }
      const { length } = counts.acknowledged;
      await comeBack(kafka);
      await until('events are acknowledged again', () => counts.acknowledged.length > length + 2000);
      await stop();

      expect(Object.keys(counts.answers).sort()).toEqual(['202', '503']);
      expect(counts.without).toBe(0);
      expect(counts.closed).toBeLessThan(20);
      expect(counts.slowestMs).toBeLessThan(30_000); // the deadline of an append is 10 s
      expect(await peakMegabytes(ingest)).toBeLessThan(250);
      const events = await readTopic(kafka);
      const inTopic = new Set(events.map(({ event }) => event.eventId));
      expect(counts.acknowledged.filter((eventId) => !inTopic.has(eventId))).toEqual([]);
      const last = new Map<string, number>();
      const acknowledged = new Set(counts.acknowledged);
      for (const { event } of events) {
        if (!acknowledged.has(event.eventId)) continue;
        expect(event.seq).toBeGreaterThanOrEqual(last.get(event.sessionId) ?? 0); // an append tried again may stand twice
        last.set(event.sessionId, event.seq as number);
      }
    },
    180_000,
  );
});
