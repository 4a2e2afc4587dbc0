import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { describeWithKafka, type KafkaCluster, makeTopic, sharedKafka, startKafka } from '@wayline/testkit';
import { Kafka, logLevel } from 'kafkajs';

const client = (brokers: readonly string[]) =>
  new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING, retry: { retries: 20, initialRetryTime: 50 } });

const folders = async (owner: number) =>
  (await readdir(tmpdir())).filter((name) => name.startsWith(`wayline-kafka-${owner}-`));

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(50);
}

await describeWithKafka(
  'a Kafka cluster of a test',
  () => {
    let cluster: KafkaCluster | undefined;
    afterEach(async () => {
      await cluster?.close();
      cluster = undefined;
    });

    const endOf = async (brokers: readonly string[], topic: string) => {
      const admin = client(brokers).admin();
      await admin.connect();
      const offsets = await admin.fetchTopicOffsets(topic);
      await admin.disconnect();
      return offsets.reduce((sum, { high }) => sum + Number(high), 0);
    };

    async function writeOne(brokers: readonly string[], topic: string): Promise<void> {
      const admin = client(brokers).admin();
      await admin.connect();
      await makeTopic(admin, { topic, numPartitions: 1 });
      await admin.disconnect();
      const producer = client(brokers).producer();
      await producer.connect();
      await producer.send({ topic, messages: [{ key: 'a', value: 'b' }], acks: -1 });
      await producer.disconnect();
    }

    test('a broker that was killed comes back on its port with its data', async () => {
      cluster = await startKafka();
      await writeOne(cluster.brokers, 'kept');
      await cluster.kill(0);
      await cluster.restart(0);
      expect(await endOf(cluster.brokers, 'kept')).toBe(1);
    });

    test('three brokers replicate: what one took is there when it is gone', async () => {
      cluster = await startKafka({ brokers: 3 });
      expect(cluster.brokers).toHaveLength(3);
      await writeOne(cluster.brokers, 'replicated');
      await cluster.kill(0);
      const rest = cluster.brokers.slice(1);
      const answer = () => endOf(rest, 'replicated').catch(() => undefined); // until the leadership has moved
      await until(async () => (await answer()) === 1);
      await cluster.restart(0);
    });

    test('broker and data go when the process that asked for them was killed', async () => {
      const owner = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
      const pid = owner.pid as number;
      cluster = await startKafka({ ownerPid: pid });
      expect(await folders(pid)).toHaveLength(1);
      owner.kill('SIGKILL');
      await once(owner, 'exit');
      await until(async () => (await folders(pid)).length === 0);
      await expect(cluster.kill(0)).rejects.toThrow('not running');
    });

    test('all who ask for the shared broker of the run get the same', async () => {
      const [one, other] = await Promise.all([sharedKafka(), sharedKafka()]);
      expect(one).toEqual(other);
    });
  },
  { own: true },
);
