import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { describeWithKafka, type ProxiedConnection } from '@wayline/testkit';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { numbered, numbers, startReader } from '../src/contract-suite/index.ts';
import type { EventLog } from '../src/event-log.ts';
import { createKafkaLog } from '../src/kafka/index.ts';
import { proxiedKafka } from './proxied-kafka.ts';

const MARK = 'the answer to this is lost';
const marked = [{ key: 'key', value: Buffer.from(MARK) }];

/** A broker that has appended, and whose answer never arrives. */
await describeWithKafka(
  'an answer that is lost after the broker has appended',
  () => {
    const { closers, brokers, proxy } = proxiedKafka();

    async function open(topic: string, appendDeadlineMs = 10_000): Promise<EventLog> {
      const topics = [{ name: topic, partitions: 1 }];
      const log = await createKafkaLog({ brokers: brokers(), topics, appendDeadlineMs });
      closers.push(() => log.close());
      return log;
    }

    /** Loses the broker's answer to the first request that carries the mark. */
    function loseAnswer(how: (connection: ProxiedConnection) => void) {
      let waiting: ProxiedConnection | undefined;
      let setSent = () => {};
      let setLost = () => {};
      const sent = new Promise<void>((resolve) => {
        setSent = resolve;
      });
      const lost = new Promise<void>((resolve) => {
        setLost = resolve;
      });
      let seen = false;
      proxy().watch({
        onRequest(chunk, connection) {
          if (seen || !chunk.includes(MARK)) return;
          seen = true;
          waiting = connection;
          setSent();
        },
        onAnswer(_, connection) {
          if (connection !== waiting) return;
          waiting = undefined;
          how(connection);
          setLost();
        },
      });
      return { sent, lost };
    }

    async function readAll(log: EventLog, topic: string): Promise<string[]> {
      const wanted = (await log.ranges(topic)).reduce((sum, { end }) => sum + end, 0);
      const reader = await startReader(log, { topic });
      await reader.until('everything', () => reader.values().length === wanted);
      return reader.values();
    }

    test.each<[string, (connection: ProxiedConnection) => void, number]>([
      ['the connection is cut', (connection) => connection.cut(), 10_000],
      ['nothing more comes', (connection) => connection.dropAnswers(), 6000],
    ])(
      'T6: while further appends wait, and %s: all that is acknowledged is there, in order',
      async (_, how, deadline) => {
        const topic = `lost.${randomUUID()}`;
        const log = await open(topic, deadline);
        const { lost } = loseAnswer(how);
        const appends = [log.append(topic, marked)];
        await new Promise(setImmediate); // it is under way; what comes now waits for it
        for (let i = 0; i < 50; i++) appends.push(log.append(topic, numbered(1, { from: i })));
        await lost;
        await Promise.all(appends);
        // Twice: the broker had it, and nobody knew.
        expect(await readAll(log, topic)).toEqual([MARK, MARK, ...numbers(50)]);
      },
      60_000,
    );

    test('when the deadline comes first, the append gets an error, though it may be there, and the next ones go on', async () => {
      const topic = `lost.${randomUUID()}`;
      const log = await open(topic, 1000);
      const { lost } = loseAnswer((connection) => connection.dropAnswers());
      const late = expect(log.append(topic, marked)).rejects.toMatchObject({ name: 'LogUnavailableError' });
      await lost;
      await late;
      await log.append(topic, numbered(3));
      expect((await readAll(log, topic)).filter((value) => value !== MARK)).toEqual(numbers(3));
    }, 60_000);

    test('kafkajs’ idempotent producer, which is not used here, acknowledges a record that is in no log', async () => {
      const topic = `lost.${randomUUID()}`;
      const log = await open(topic);
      const producer = new Kafka({ brokers: brokers(), logLevel: logLevel.NOTHING }).producer({
        idempotent: true,
        createPartitioner: Partitioners.DefaultPartitioner,
      });
      await producer.connect();
      closers.push(() => producer.disconnect());
      const { sent, lost } = loseAnswer((connection) => connection.cut());
      const sends = [producer.send({ topic, messages: [{ key: 'key', value: MARK }] })];
      await sent;
      sends.push(producer.send({ topic, messages: [{ key: 'key', value: 'acknowledged' }] }));
      await lost;
      await Promise.all(sends);
      expect(await readAll(log, topic)).not.toContain('acknowledged');
    }, 60_000);
  },
  { own: true },
);
