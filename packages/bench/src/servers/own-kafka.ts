import { type Closers, deleteTopics, openKafkaAdmin, startKafka } from '@wayline/testkit';
import { openLog } from './log-address.ts';

const BROKER_HEAP_MB = 1024;
/**
 * Files of a deleted topic go soon: what lies in the page cache of loads that are over makes those that follow slower where
 * a virtual machine's host has yet to find the memory.
 */
const CONFIG = { 'log.segment.delete.delay.ms': '1000' };

/**
 * A broker for one benchmark; answers with its address.
 * @param options in its `quick` form it is one that starts soon, not one that is compiled well
 */
export async function startOwnKafka(closers: Closers, { quick }: { quick: boolean }): Promise<readonly string[]> {
  const kafka = await startKafka({ heapMb: BROKER_HEAP_MB, fullSpeed: !quick, config: CONFIG });
  closers.add(() => kafka.close());
  return kafka.brokers;
}

/** The topic is empty then, and its offsets begin at 0 again. Nothing may be reading or writing it. */
export async function emptyTopic({ address }: { address: TopicAddress }): Promise<void> {
  const { topic, brokers } = address;
  const admin = await openKafkaAdmin(brokers);
  try {
    if ((await admin.listTopics()).includes(topic)) await deleteTopics(admin, [topic]);
  } finally {
    await admin.disconnect();
  }
  await (await openLog(address)).close();
}

interface TopicAddress {
  topic: string;
  brokers: readonly string[];
}
