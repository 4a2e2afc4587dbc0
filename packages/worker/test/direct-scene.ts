import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll } from '@jest/globals';
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import { directSubject, TOPICS, type WaylineEvent } from '@wayline/contracts';
import { createKafkaLog } from '@wayline/event-log/kafka';
import { createRegistryClient } from '@wayline/event-log/registry';
import { formatWriteKey } from '@wayline/identity/verify';
import {
  describeWithKafka,
  type KafkaMessage,
  openKafkajsProducer,
  startKafka,
  startSchemaRegistry,
  type TestSchemaRegistry,
} from '@wayline/testkit';
import { SECRET, startScene, type WorkerScene } from './worker-scene.ts';

const run = promisify(execFile);

export const keyOf = (keyId: string, secret = SECRET): string =>
  formatWriteKey({ projectId: 1, keyId, allowImport: false }, secret);
export const KEY = keyOf('k1');

/** The schema of a version before this one: a field fewer, and narrower. */
function previousSchema(): object {
  const schema = JSON.parse(directSubject().schema) as { properties: Record<string, object> };
  const { seq: _, target, ...properties } = schema.properties;
  return { ...schema, properties: { ...properties, target: { ...target, maxLength: 100 } } };
}

/** A worker that reads a real Kafka with a registry beside it, and what services write there with. */
export interface DirectScene extends WorkerScene {
  brokers: readonly string[];
  registry: TestSchemaRegistry;
  /** A file with `previousSchema()`. */
  previousSchemaFile: string;
  /** Kafka's JavaScript client; a message without headers has the write key. */
  send(...messages: KafkaMessage[]): Promise<void>;
  /** Framed by kafkajs' own registry client. */
  frame(event: object, schemaId?: number): Promise<Buffer>;
  /** Through kcat, as the documentation has it. */
  kcat(events: readonly WaylineEvent[], codec: string): Promise<void>;
  /** The code of each dead letter, by offset within its partition, in the order of the log. */
  deadLetters(): Promise<{ code: string; detail: string; eventId: string | null; projectId: number }[]>;
}

/** A suite with a scene of its own, of which it asks in hooks and tests. */
export const describeDirect = (name: string, body: (scene: () => DirectScene) => void): Promise<void> =>
  describeWithKafka(
    name,
    () => {
      let scene: DirectScene | undefined;
      beforeAll(async () => {
        scene = await startDirectScene();
      }, 180_000);
      afterAll(() => scene?.close(), 120_000);
      body(() => {
        if (!scene) throw new Error('The scene is there from the first test on');
        return scene;
      });
    },
    { own: true },
  );

async function startDirectScene(): Promise<DirectScene> {
  const kafka = await startKafka();
  const brokers = kafka.brokers;
  const folder = await mkdtemp(join(tmpdir(), 'wayline-direct-'));
  const registry = await startSchemaRegistry();
  const log = await createKafkaLog({
    brokers,
    topics: [TOPICS.events, TOPICS.direct].map((name) => ({ name, partitions: 4 })),
    sessionTimeoutMs: 10_000,
  });
  const scene = await startScene({ log });
  const producer = await openKafkajsProducer(brokers);
  scene.onClose(() => kafka.close());
  scene.onClose(() => log.close());
  scene.onClose(() => producer.close());
  scene.onClose(() => registry.close());
  scene.onClose(() => rm(folder, { recursive: true, force: true }));

  const previousSchemaFile = join(folder, 'previous.json');
  const previous = JSON.stringify(previousSchema());
  await writeFile(previousSchemaFile, previous);
  const client = createRegistryClient({ url: registry.url });
  await client.ensure({ name: directSubject().name, schema: previous });
  const current = await client.ensure(directSubject());
  const theirs = new SchemaRegistry({ host: registry.url });
  await scene.startWorker({ registry: client });

  return {
    ...scene,
    brokers,
    registry,
    previousSchemaFile,
    async send(...messages) {
      const withKey = messages.map((message) => ({ headers: { 'wayline-key': KEY }, ...message }));
      await producer.send(TOPICS.direct, withKey);
    },
    frame: (event, schemaId = current) => theirs.encode(schemaId, event),
    async kcat(events, codec) {
      const input = join(folder, `${codec}.txt`);
      await writeFile(input, events.map((event) => `${event.sessionId}|${JSON.stringify(event)}\n`).join(''));
      const to = ['-P', '-b', brokers.join(','), '-t', TOPICS.direct, '-K', '|', '-H', `wayline-key=${KEY}`];
      await run('kcat', [...to, '-X', 'acks=all', '-X', 'topic.partitioner=murmur2_random', '-z', codec, '-l', input]);
    },
    async deadLetters() {
      await scene.allRead();
      const { rows } = await scene.pool.query(
        `SELECT code, detail, event_id AS "eventId", project_id AS "projectId" FROM dead_letters ORDER BY id`,
      );
      return rows;
    },
  };
}
