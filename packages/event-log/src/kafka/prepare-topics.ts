import { setTimeout as sleep } from 'node:timers/promises';
import errors from 'kafkajs/src/protocol/error.js';
import { type LogLogger, LogSetupError, type TopicSpec } from '../event-log.ts';
import type { BrokerDirectory } from './broker-directory.ts';
import { reasonOf, within } from './within.ts';

/** A broker that does not answer within this time at start is told to the operator. */
export const SETUP_PATIENCE_MS = 10_000;

/** A partition's records are sent in batches of at most so many bytes: below Kafka's default limit of 1,048,588. */
export const MAX_BATCH_BYTES = 900_000;

const TOPIC_RESOURCE = 2;
const TOPIC_ALREADY_EXISTS = 36;

/** @throws LogSetupError naming the addresses, if none of them answers in time */
export async function findCluster(directory: BrokerDirectory, brokers: readonly string[]): Promise<void> {
  let reason = `no answer within ${SETUP_PATIENCE_MS} ms`;
  let given = false;
  const ask = async () => {
    while (!given) {
      try {
        await directory.refresh();
        return;
      } catch (error) {
        if (error instanceof LogSetupError) throw error;
        reason = reasonOf(error);
        await sleep(250);
      }
    }
  };
  try {
    await within(ask(), SETUP_PATIENCE_MS, reason);
  } catch (error) {
    given = true;
    if (error instanceof LogSetupError) throw error;
    throw new LogSetupError(`No Kafka broker can be used at ${brokers.join(', ')} (${reason}).`);
  }
}

/** Makes the topics that are absent, and checks all. @throws LogSetupError with one sentence about the first fault */
export async function prepareTopics(
  directory: BrokerDirectory,
  topics: readonly TopicSpec[],
  { replication = -1, logger }: { replication?: number; logger: LogLogger },
): Promise<void> {
  const absent = topics.filter(({ name }) => directory.partitions(name) === undefined);
  if (absent.length > 0) await createTopics(directory, absent, replication);
  for (const { name } of absent) logger.info({ topic: name }, `Kafka topic ${name} was made`);
  for (const { name, partitions } of topics) {
    const found = directory.partitions(name);
    if (found !== partitions) {
      throw new LogSetupError(
        `Kafka topic ${name} has ${found ?? 'no'} partitions, but ${partitions} are configured; partitions cannot be changed while sessions rely on them.`,
      );
    }
  }
  await checkSettings(directory, topics, logger);
}

async function createTopics(
  directory: BrokerDirectory,
  topics: readonly TopicSpec[],
  replicationFactor: number,
): Promise<void> {
  const configEntries = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }];
  // Kafka's own default is 1: what it acknowledged would be lost with the one broker that was in sync.
  if (replicationFactor > 2) configEntries.push({ name: 'min.insync.replicas', value: String(replicationFactor - 1) });
  const { topicErrors } = await ask<{
    topicErrors: { topic: string; errorCode: number; errorMessage: string | null }[];
  }>(directory, 'CreateTopics', {
    timeout: 3000,
    topics: topics.map(({ name, partitions }) => ({
      topic: name,
      numPartitions: partitions,
      replicationFactor,
      configEntries,
    })),
  });
  for (const { topic, errorCode, errorMessage } of topicErrors) {
    if (errorCode === 0 || errorCode === TOPIC_ALREADY_EXISTS) continue; // another process was quicker
    const reason = errorMessage ?? errors.createErrorFromCode(errorCode).message;
    throw new LogSetupError(`Kafka topic ${topic} does not exist, and cannot be made (${reason}).`);
  }
  const led = ({ name, partitions }: TopicSpec) =>
    directory.partitions(name) !== undefined &&
    Array.from({ length: partitions }, (_, i) => directory.leader(name, i)).every((leader) => leader !== undefined);
  for (const deadline = Date.now() + SETUP_PATIENCE_MS; !topics.every(led); await sleep(50)) {
    if (Date.now() > deadline) {
      throw new LogSetupError(
        `Kafka topics ${topics.map(({ name }) => name).join(', ')} were made, but have no leaders.`,
      );
    }
    await directory.refresh();
    if (topics.some(({ name, partitions }) => (directory.partitions(name) ?? partitions) !== partitions)) return;
  }
}

async function checkSettings(
  directory: BrokerDirectory,
  topics: readonly TopicSpec[],
  logger: LogLogger,
): Promise<void> {
  const configNames = ['message.timestamp.type', 'max.message.bytes', 'min.insync.replicas'];
  const { resources } = await ask<{
    resources: {
      errorCode: number;
      resourceName: string;
      configEntries: { configName: string; configValue: string | null }[];
    }[];
  }>(directory, 'DescribeConfigs', {
    resources: topics.map(({ name }) => ({ type: TOPIC_RESOURCE, name, configNames })),
  });
  for (const { errorCode, resourceName: topic, configEntries } of resources) {
    if (errorCode !== 0) {
      const reason = errors.createErrorFromCode(errorCode).message;
      logger.warn({ topic }, `The settings of Kafka topic ${topic} could not be checked (${reason})`);
      continue;
    }
    const settings = new Map(configEntries.map(({ configName, configValue }) => [configName, configValue]));
    if (settings.get('message.timestamp.type') !== 'LogAppendTime') {
      throw new LogSetupError(
        `Kafka topic ${topic} must have message.timestamp.type=LogAppendTime (it has ${settings.get('message.timestamp.type')}): the log's own time decides what is complete.`,
      );
    }
    if (Number(settings.get('max.message.bytes')) < MAX_BATCH_BYTES) {
      throw new LogSetupError(
        `Kafka topic ${topic} must have max.message.bytes of at least ${MAX_BATCH_BYTES} (it has ${settings.get('max.message.bytes')}).`,
      );
    }
    if (directory.replicas(topic) > 2 && settings.get('min.insync.replicas') === '1') {
      const fault = `min.insync.replicas=1: acknowledged records are lost with the one broker that may be in sync`;
      logger.warn({ topic }, `Kafka topic ${topic} has ${fault}`);
    }
  }
}

async function ask<Answer>(
  directory: BrokerDirectory,
  api: 'CreateTopics' | 'DescribeConfigs',
  parameters: object,
): Promise<Answer> {
  try {
    return await directory.controller().request<Answer>(api, parameters);
  } catch (error) {
    throw new LogSetupError(`Kafka did not answer to ${api} (${reasonOf(error)}).`);
  }
}
