import { setTimeout as sleep } from 'node:timers/promises';
import errors from 'kafkajs/src/protocol/error.js';
import { type LogLogger, LogSetupError, LogUnavailableError, type TopicSpec } from '../event-log.ts';
import type { BrokerDirectory } from './broker-directory.ts';
import type { BrokerLink } from './broker-link.ts';
import { SETUP_PATIENCE_MS } from './find-cluster.ts';
import { CHECKED_SETTINGS, judgeTopic, settingsToMake, type TopicDemands } from './topic-settings.ts';
import { reasonOf } from './within.ts';

export { MAX_BATCH_BYTES } from './topic-settings.ts';

const TOPIC_RESOURCE = 2;
const BROKER_RESOURCE = 4;
const UNKNOWN_TOPIC_OR_PARTITION = 3;
const TOPIC_AUTHORIZATION_FAILED = 29;
const TOPIC_ALREADY_EXISTS = 36;

interface Resource {
  errorCode: number;
  resourceName: string;
  configEntries: { configName: string; configValue: string | null }[];
}

/**
 * Makes the topics that are absent, and checks all: warnings are told, with a sentence each.
 * @throws LogSetupError with one sentence about the first fault
 */
export async function prepareTopics(
  directory: BrokerDirectory,
  topics: readonly TopicSpec[],
  { logger, ...demands }: TopicDemands & { logger: LogLogger },
): Promise<void> {
  const absent = topics.filter(({ name }) => directory.partitions(name) === undefined);
  if (absent.length > 0) await createTopics(directory, absent, demands);
  for (const { name } of absent) logger.info({ topic: name }, `Kafka topic ${name} was made`);
  for (const { name, partitions } of topics) {
    const found = directory.partitions(name);
    if (found !== partitions) {
      throw new LogSetupError(
        `Kafka topic ${name} has ${found ?? 'no'} partitions, but ${partitions} are configured; partitions cannot be changed while sessions rely on them.`,
      );
    }
  }
  await checkSettings(directory, topics, { logger, ...demands });
}

async function createTopics(
  directory: BrokerDirectory,
  topics: readonly TopicSpec[],
  demands: TopicDemands,
): Promise<void> {
  const replicas = demands.replication ?? (await defaultReplication(directory));
  const { topicErrors } = await ask<{
    topicErrors: { topic: string; errorCode: number; errorMessage: string | null }[];
  }>(directory.controller(), 'CreateTopics', {
    timeout: 3000,
    topics: topics.map((spec) => ({
      topic: spec.name,
      numPartitions: spec.partitions,
      replicationFactor: demands.replication ?? -1,
      configEntries: settingsToMake(spec, replicas, demands),
    })),
  });
  for (const { topic, errorCode, errorMessage } of topicErrors) {
    if (errorCode === 0 || errorCode === TOPIC_ALREADY_EXISTS) continue; // another process was quicker
    if (errorCode === TOPIC_AUTHORIZATION_FAILED) {
      const rights = 'the right to Describe it, or to Create it where it does not exist, is missing';
      throw new LogSetupError(`Kafka topic ${topic} can neither be seen nor made: ${rights}.`);
    }
    const reason = (errorMessage ?? errors.createErrorFromCode(errorCode).message).replace(/\.$/, '');
    throw new LogSetupError(`Kafka topic ${topic} does not exist, and cannot be made (${reason}).`);
  }
  await untilLed(directory, topics);
}

/** The number of replicas that the brokers give; undefined where they do not tell. */
async function defaultReplication(directory: BrokerDirectory): Promise<number | undefined> {
  const [name] = directory.brokers();
  try {
    const { resources } = await directory
      .to(Number(name), 'ask')
      .request<{ resources: Resource[] }>('DescribeConfigs', {
        resources: [{ type: BROKER_RESOURCE, name: String(name), configNames: ['default.replication.factor'] }],
      });
    return Number(resources[0]?.configEntries[0]?.configValue) || undefined;
  } catch {
    return undefined; // it only says what min.insync.replicas is to be; what it then is, is checked
  }
}

/** A topic that was made is not known to all brokers at once, and has no leaders yet. */
async function untilLed(directory: BrokerDirectory, topics: readonly TopicSpec[]): Promise<void> {
  const led = ({ name, partitions }: TopicSpec) =>
    directory.partitions(name) !== undefined &&
    Array.from({ length: partitions }, (_, i) => directory.leader(name, i)).every((leader) => leader !== undefined);
  let reason = 'they have no leaders';
  for (const deadline = Date.now() + SETUP_PATIENCE_MS; !topics.every(led); await sleep(50)) {
    if (Date.now() > deadline) {
      const names = topics.map(({ name }) => name).join(', ');
      throw new LogSetupError(`Kafka topics ${names} were made, but cannot be used yet (${reason}).`);
    }
    await directory.refresh().catch((error: unknown) => {
      reason = reasonOf(error);
    });
    if (topics.some(({ name, partitions }) => (directory.partitions(name) ?? partitions) !== partitions)) return;
  }
}

/** The `retention.ms` of a topic as it is now; undefined where it has no end, or the brokers do not tell. */
export async function readRetention(directory: BrokerDirectory, topic: TopicSpec): Promise<number | undefined> {
  const [{ configEntries } = { configEntries: [] }] = await describeTopics(directory, [topic]).catch(
    (cause: unknown) => {
      throw new LogUnavailableError('unavailable', `The settings of ${topic.name} cannot be read`, { cause });
    },
  );
  const given = configEntries.find(({ configName }) => configName === 'retention.ms')?.configValue;
  const ms = Number(given ?? -1);
  return !topic.compacted && ms >= 0 ? ms : undefined;
}

async function checkSettings(
  directory: BrokerDirectory,
  topics: readonly TopicSpec[],
  { logger, ...demands }: TopicDemands & { logger: LogLogger },
): Promise<void> {
  if (topics.length === 0) return;
  const resources = await describeTopics(directory, topics);
  for (const { errorCode, resourceName: topic, configEntries } of resources) {
    if (errorCode !== 0) {
      const reason = errors.createErrorFromCode(errorCode).message;
      logger.warn({ topic }, `The settings of Kafka topic ${topic} could not be checked (${reason})`);
      continue;
    }
    const spec = topics.find(({ name }) => name === topic);
    if (!spec) continue;
    const settings = new Map<string, string>();
    for (const { configName, configValue } of configEntries) {
      if (configValue !== null) settings.set(configName, configValue);
    }
    const found = { settings, replicas: directory.replicas(topic), brokers: directory.brokers().length };
    const { faults, warnings } = judgeTopic(spec, found, demands);
    if (faults[0] !== undefined) throw new LogSetupError(faults[0]);
    for (const sentence of warnings) logger.warn({ topic }, sentence);
  }
}

/** Asked again while a broker has not heard yet of a topic that was just made. */
async function describeTopics(directory: BrokerDirectory, topics: readonly TopicSpec[]): Promise<Resource[]> {
  for (const deadline = Date.now() + SETUP_PATIENCE_MS / 2; ; await sleep(50)) {
    const { resources } = await ask<{ resources: Resource[] }>(directory.controller(), 'DescribeConfigs', {
      resources: topics.map(({ name }) => ({ type: TOPIC_RESOURCE, name, configNames: CHECKED_SETTINGS })),
    });
    const unknown = resources.some(({ errorCode }) => errorCode === UNKNOWN_TOPIC_OR_PARTITION);
    if (!unknown || Date.now() > deadline) return resources;
  }
}

async function ask<Answer>(
  link: BrokerLink,
  api: 'CreateTopics' | 'DescribeConfigs',
  parameters: object,
): Promise<Answer> {
  try {
    return await link.request<Answer>(api, parameters);
  } catch (error) {
    throw new LogSetupError(`Kafka did not answer to ${api} (${reasonOf(error)}).`);
  }
}
