import { expect, test } from '@jest/globals';
import { type IdentifiedEvent, TOPICS } from '@wayline/contracts';
import { missingProducerTools, produceWithPython, sessionEvents } from '@wayline/testkit';
import { describeDirect, KEY } from './direct-scene.ts';

const missing = await missingProducerTools();
if (missing && process.env.CI === 'true') throw new Error(`Producers of others cannot run, and CI=true: ${missing}`);
if (missing) process.stderr.write(`SKIPPED: producers in Python, and kcat: ${missing}\n`);
const testWithTools = missing ? test.skip : test;

await describeDirect('services that write straight to Kafka', (scene) => {
  const sent: IdentifiedEvent[] = [];
  const make = (count: number): IdentifiedEvent[] => {
    const events = sessionEvents(count, { sessionId: 'one-session', page: 'long and dull '.repeat(20) });
    sent.push(...events);
    return events;
  };

  async function expectAllStored(): Promise<void> {
    await scene().allRead();
    expect(await scene().deadLetters()).toEqual([]);
    await scene().expectExactlyOnce(sent);
  }

  test('T4, issue 6.5: plain JSON, and what kafkajs’ registry client has framed, are stored alike', async () => {
    const [plain, framed] = make(2) as [IdentifiedEvent, IdentifiedEvent];
    const value = await scene().frame(framed);
    expect(value.subarray(0, 5)).toEqual(Buffer.from([0, 0, 0, 0, 2]));
    await scene().send({ key: 'one-session', value: JSON.stringify(plain) }, { key: 'one-session', value });
    await expectAllStored();
    const { rows } = await scene().pool.query(`SELECT DISTINCT page, received_at IS NOT NULL AS received FROM events`);
    expect(rows).toEqual([{ page: plain.page, received: true }]);
  });

  testWithTools.each([{ codec: 'gzip' }, { codec: 'snappy' }, { codec: 'lz4' }, { codec: 'zstd' }])(
    'T4, issue 6.5: the documented line of kcat writes with $codec',
    async ({ codec }) => {
      await scene().kcat(make(50), codec);
      await expectAllStored();
    },
  );

  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    testWithTools(
      `T4, issue 6.5: confluent-kafka in Python, with its JSONSerializer, writes with ${codec}`,
      async () => {
        const { brokers, registry } = scene();
        const events = make(50);
        expect(await produceWithPython(events, { brokers, registryUrl: registry.url, writeKey: KEY, codec })).toBe(50);
        await expectAllStored();
      },
      300_000,
    );
  }

  testWithTools(
    'issue 6.5: a producer on the previous version of the schema still gets through',
    async () => {
      const { brokers, registry, previousSchemaFile: schemaFile } = scene();
      const events = make(20).map(({ seq: _, ...event }) => event);
      const options = { brokers, registryUrl: registry.url, writeKey: KEY, codec: 'none', schemaFile };
      expect(await produceWithPython(events, options)).toBe(20);
      await expectAllStored();
    },
    300_000,
  );

  test('T7, issue 6.5: whoever wrote them, the records of a session are in one partition', async () => {
    const ranges = await scene().log.ranges(TOPICS.direct);
    expect(ranges.map(({ end }) => end).filter((end) => end > 0)).toEqual([sent.length]);
  });
});
