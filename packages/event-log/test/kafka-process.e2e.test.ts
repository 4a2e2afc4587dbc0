import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { describeWithKafka, sharedKafka } from '@wayline/testkit';
import { newGroup } from '../src/contract-suite/index.ts';
import type { EventLog } from '../src/event-log.ts';
import { createKafkaLog } from '../src/kafka/index.ts';

const LOG = JSON.stringify(new URL('../dist/kafka/index.js', import.meta.url).href);

/** A consumer that tells what it is given, a line each, and keeps its positions in memory. */
const CONSUMER = `
  import { createKafkaLog } from ${LOG};
  const { brokers, topics, group } = JSON.parse(process.argv[1]);
  const log = await createKafkaLog({ brokers, topics, sessionTimeoutMs: 6000 });
  const tell = (line) => process.stdout.write(JSON.stringify(line) + '\\n');
  await log.consume({
    group,
    topics: topics.map(({ name }) => name),
    async begin({ partition, start }) {
      tell({ begin: partition });
      return { offset: start };
    },
    async handle({ partition, records, nextOffset }) {
      tell({ partition, values: records.map(({ value }) => String(value)) });
      return nextOffset;
    },
  });
`;

await describeWithKafka('consumers of several processes', () => {
  let brokers: string[];
  const children: ChildProcess[] = [];
  const logs: EventLog[] = [];
  const waiting = new Set<() => void>();
  beforeAll(async () => {
    ({ brokers } = await sharedKafka());
  }, 120_000);
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const log of logs.splice(0)) await log.close();
  });

  function startConsumer(setting: object) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', CONSUMER, JSON.stringify(setting)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const begun = new Set<number>();
    const values = new Set<string>();
    createInterface({ input: child.stdout }).on('line', (line) => {
      const told = JSON.parse(line);
      if ('begin' in told) begun.add(told.begin);
      for (const value of told.values ?? []) values.add(value);
      for (const look of waiting) look();
    });
    return { child, begun, values };
  }

  /** Looks whenever any of the consumers has told something. */
  const until = (condition: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!condition()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });

  test('two processes share 12 partitions; when one is killed, the other takes over all of them', async () => {
    const topic = `process.${randomUUID()}`;
    const topics = [{ name: topic, partitions: 12 }];
    const log = await createKafkaLog({ brokers, topics });
    logs.push(log);
    const keys = Array.from({ length: 100 }, (_, i) => `session-${i}`);
    const append = (round: number) =>
      log.append(
        topic,
        keys.map((key) => ({ key, value: Buffer.from(`${key}:${round}`) })),
      );
    const setting = { brokers, topics, group: newGroup() };
    const first = startConsumer(setting);
    await until(() => first.begun.size === 12);
    const second = startConsumer(setting);
    await until(() => second.begun.size === 6);
    await append(0);
    await until(() => second.values.size > 0);
    await until(() => first.values.size + second.values.size >= 100);
    expect([...first.values].some((value) => second.values.has(value))).toBe(false);

    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    await append(1);
    await until(() => second.begun.size === 12); // the session of the killed one runs out
    await until(() => second.values.size === 200);
  }, 60_000);
});
