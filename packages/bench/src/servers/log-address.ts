import type { EventLog } from '@wayline/event-log';
import { createEmbeddedLog } from '@wayline/event-log/embedded';
import { createKafkaLog } from '@wayline/event-log/kafka';

/** A topic, and where its log is. Plain data, so that it can be handed to another process. */
export type LogAddress = { topic: string } & ({ brokers: readonly string[] } | { folder: string });

const PARTITIONS = 12;

/** Opens the log; the topic is made where it is missing. An embedded log must not be open anywhere else. */
export function openLog(address: LogAddress): Promise<EventLog> {
  const topics = [{ name: address.topic, partitions: PARTITIONS }];
  if ('folder' in address) return createEmbeddedLog({ folder: address.folder, topics });
  return createKafkaLog({ brokers: address.brokers, clientId: 'wayline-bench', topics });
}
