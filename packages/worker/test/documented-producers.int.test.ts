import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import {
  documentedBlocks,
  identifiedEvent,
  type KafkaMessage,
  missingProducerTools,
  runPython,
} from '@wayline/testkit';
import { describeDirect, KEY } from './direct-scene.ts';

const run = promisify(execFile);
const missing = await missingProducerTools();
const testWithTools = missing ? test.skip : test;

await describeDirect('the lines of docs/kafka.md work as they are printed', (scene) => {
  /** But for the addresses. */
  async function block(language: string, holds: string): Promise<string> {
    const found = (await documentedBlocks('docs/kafka.md', language)).find((text) => text.includes(holds));
    return String(found)
      .replaceAll(/localhost:19092|kafka:9092/g, scene().brokers.join(','))
      .replaceAll('http://registry:8081', scene().registry.url);
  }
  const sessions = async () => {
    await scene().allRead();
    expect(await scene().deadLetters()).toEqual([]);
    const { rows } = await scene().pool.query<{ session_id: string }>('SELECT session_id FROM sessions ORDER BY 1');
    return rows.map((row) => row.session_id);
  };

  testWithTools('T4: the line of kcat', async () => {
    await run('bash', ['-euc', await block('sh', 'kcat')], { env: { ...process.env, KEY } });
    expect(await sessions()).toEqual(['s-9']);
  });

  testWithTools(
    'T4: the lines in Python',
    async () => {
      const event = identifiedEvent({ sessionId: 'python' });
      const given = [
        'import json',
        'from confluent_kafka import Producer',
        'from confluent_kafka.schema_registry import SchemaRegistryClient',
        'from confluent_kafka.schema_registry.json_schema import JSONSerializer',
        'from confluent_kafka.serialization import MessageField, SerializationContext',
        `event, key = json.loads(${JSON.stringify(JSON.stringify(event))}), ${JSON.stringify(KEY)}`,
      ];
      await runPython([...given, await block('python', 'JSONSerializer')].join('\n'));
      expect(await sessions()).toContain('python');
    },
    300_000,
  );

  test('T4: the lines in JavaScript', async () => {
    const event = identifiedEvent({ sessionId: 'javascript' });
    const lines = await block('js', 'SchemaRegistry');
    // Not compiled with the test: they are run as they stand on the page.
    const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as FunctionConstructor;
    const producer = { send: ({ messages }: { messages: KafkaMessage[] }) => scene().send(...messages) };
    await AsyncFunction('SchemaRegistry', 'producer', 'event', 'key', lines)(SchemaRegistry, producer, event, KEY);
    expect(await sessions()).toContain('javascript');
  });
});
