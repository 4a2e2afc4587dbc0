import type { EventLog } from '@wayline/event-log';
import { hasEmbeddedLog } from '../all/embedded-log.ts';
import { topics } from '../compose.ts';
import type { Config } from '../config.ts';
import { dataFolder } from '../data-folder.ts';
import { kafkaSecurity } from '../kafka-connection.ts';

/** A log that is asked how far it goes. */
export interface VerifiedLog extends Pick<EventLog, 'id' | 'ranges'> {
  /** For a sentence. */
  name: string;
  /** A data folder may be left from another time: then the database was stored from another log. */
  isPerhapsAnother: boolean;
  close(): Promise<void>;
}

/**
 * The log of KAFKA_BROKERS, else the embedded one of the data folder, which a running `wayline all` may be writing; undefined
 * where there is neither.
 */
export async function openVerifiedLog(config: Config<'verify'>): Promise<VerifiedLog | undefined> {
  if (config.kafkaBrokers) return openKafka(config, config.kafkaBrokers);
  const folder = dataFolder(config.dataDir);
  if (!hasEmbeddedLog(folder)) return undefined;
  const { lookAtEmbeddedLog } = await import('@wayline/event-log/embedded');
  const log = await lookAtEmbeddedLog(folder.logFolder);
  return { ...log, name: `the log in ${folder.path}`, isPerhapsAnother: true };
}

async function openKafka(config: Config<'verify'>, brokers: readonly string[]): Promise<VerifiedLog> {
  const { createKafkaLog } = await import('@wayline/event-log/kafka');
  const log = await createKafkaLog({
    brokers,
    clientId: config.kafkaClientId,
    topics: topics(config.kafkaPartitions),
    generation: config.kafkaGeneration,
    ...(await kafkaSecurity(config)),
  });
  return { ...log, name: 'Kafka', isPerhapsAnother: false };
}
