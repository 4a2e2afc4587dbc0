import {
  type EventLog,
  type LogFollower,
  LogSetupError,
  LogUnavailableError,
  type PartitionRange,
  type TopicSpec,
} from '../event-log.ts';
import { Appender } from './appender.ts';
import { BrokerDirectory } from './broker-directory.ts';
import { useOwnDecoder } from './decode-fetch.ts';
import { fetchInTurns } from './fetch-in-turns.ts';
import { findCluster } from './find-cluster.ts';
import { findCoordinator, leaveGroup } from './find-coordinator.ts';
import { followTopic } from './follow-topic.ts';
import { GroupConsumer } from './group-consumer.ts';
import { keepNoAnswers } from './keep-no-answers.ts';
import { type ConnectionSettings, type KafkaLogOptions, silentLogger } from './options.ts';
import { peekRecord } from './peek-record.ts';
import { PositionPublisher } from './position-publisher.ts';
import { prepareTopics, readRetention } from './prepare-topics.ts';
import { readRanges } from './read-ranges.ts';
import { registerCodecs } from './register-codecs.ts';
import { DEFAULT_LONGEST_OUTAGE_MS } from './topic-settings.ts';

/**
 * Opens the log on a Kafka cluster, within about ten seconds.
 * @throws LogSetupError with one sentence, if no broker answers or a topic is not as it must be
 */
export async function createKafkaLog(options: KafkaLogOptions): Promise<EventLog> {
  const { brokers, topics, clientId = 'wayline', ssl = false, sasl, logger = silentLogger } = options;
  const { appendDeadlineMs = 10_000, sessionTimeoutMs = 30_000, rebalanceTimeoutMs = 30_000 } = options;
  const settings: ConnectionSettings = { brokers, clientId, ssl, sasl, logger };
  // Half the deadline, so that a broker that has stopped leaves time to try the next leader.
  const produceTimeoutMs = Math.max(500, appendDeadlineMs / 2);
  registerCodecs();
  useOwnDecoder();
  keepNoAnswers();
  fetchInTurns();
  const directory = new BrokerDirectory({
    settings,
    topics: topics.map(({ name }) => name),
    appendTimeoutMs: produceTimeoutMs + 500,
  });
  try {
    await findCluster(directory, brokers);
    const { replication, longestOutageMs = DEFAULT_LONGEST_OUTAGE_MS } = options;
    await prepareTopics(directory, topics, { replication, longestOutageMs, logger });
  } catch (error) {
    directory.close();
    throw error;
  }

  const appender = new Appender({
    directory,
    topics,
    maxBytesInFlight: options.maxBytesInFlight ?? 64 * 1024 * 1024,
    deadlineMs: appendDeadlineMs,
    produceTimeoutMs,
    logger,
  });
  const consumers = new Set<GroupConsumer>();
  const publisher = new PositionPublisher({
    directory,
    consumers: (group) => [...consumers].filter((consumer) => consumer.group === group),
    logger,
  });
  const followers = new Set<LogFollower>();
  const asked = new Map<string, Promise<PartitionRange[]>>();
  let closed: Promise<void> | undefined;

  const specOf = (topic: string): TopicSpec => {
    if (closed) throw new LogUnavailableError('unavailable', 'the log is closed');
    const spec = topics.find(({ name }) => name === topic);
    if (!spec) throw new LogSetupError(`Kafka topic ${topic} is not among those that the log was opened with.`);
    return spec;
  };

  const log: EventLog = {
    id: `${directory.clusterId}:${options.generation ?? 1}`,
    append: (topic, records) => appender.append(topic, records),
    async consume(consume) {
      const partitions = consume.topics.reduce((sum, topic) => sum + specOf(topic).partitions, 0);
      const consumer = new GroupConsumer({
        settings,
        consume,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        partitions,
        ranges: log.ranges,
        peek: log.peek,
        findCoordinator: () => findCoordinator(directory, consume.group),
        leave: (memberId) => leaveGroup(directory, consume.group, memberId),
        beforeLeaving: () => publisher.flush(consume.group),
      });
      consumers.add(consumer);
      void consumer.ended.finally(() => consumers.delete(consumer)).catch(() => {});
      await consumer.joined();
      return consumer;
    },
    follow({ topic, onRecord }) {
      const { partitions } = specOf(topic);
      const ranges = () => log.ranges(topic);
      const follower = followTopic({ directory, topic, partitions, ranges, onRecord, logger });
      followers.add(follower);
      const forget = () => followers.delete(follower);
      follower.ended.then(forget, forget);
      return follower;
    },
    async ranges(topic) {
      const { partitions } = specOf(topic);
      let answer = asked.get(topic);
      if (!answer) {
        answer = readRanges(directory, topic, partitions).finally(() => asked.delete(topic));
        asked.set(topic, answer);
      }
      return answer;
    },
    async peek(position) {
      return peekRecord(directory, position, specOf(position.topic).partitions);
    },
    async retentionMs(topic) {
      return readRetention(directory, specOf(topic));
    },
    async publishPosition(group, positions) {
      publisher.publish(group, positions);
    },
    close() {
      const close = async () => {
        for (const follower of followers) follower.close();
        await Promise.all([appender.close(), ...[...consumers].map((consumer) => consumer.close())]);
        await publisher.close();
        directory.close();
      };
      closed ??= close();
      return closed;
    },
  };
  return log;
}
