import { setTimeout as sleep } from 'node:timers/promises';
import errors from 'kafkajs/src/protocol/error.js';
import { LogUnavailableError, type PartitionRange } from '../event-log.ts';
import type { BrokerDirectory } from './broker-directory.ts';
import { reasonOf } from './within.ts';

const EARLIEST = -2;
const LATEST = -1;
/** So that the end is that of all acknowledged records, also where a transaction is open. */
const READ_UNCOMMITTED = 0;

/** Reading is tried again for so long, while leaders move; then the caller is told. */
const READ_PATIENCE_MS = 3000;

interface ListOffsetsAnswer {
  responses: { topic: string; partitions: { partition: number; errorCode: number; offset: string }[] }[];
}

/** Runs the attempt until it succeeds; after each failure the leaders are looked up anew. */
export async function withFreshLeaders<T>(directory: BrokerDirectory, attempt: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + READ_PATIENCE_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) {
        throw new LogUnavailableError('unavailable', `Kafka cannot be read: ${reasonOf(error)}`, { cause: error });
      }
    }
    await sleep(100);
    await directory.refresh().catch(() => {}); // the next attempt tells
  }
}

/** Start and end of all partitions of a topic: two requests to each leader, side by side. */
export function readRanges(directory: BrokerDirectory, topic: string, partitions: number): Promise<PartitionRange[]> {
  return withFreshLeaders(directory, async () => {
    const byLeader = new Map<number, number[]>();
    for (let partition = 0; partition < partitions; partition++) {
      const leader = directory.leader(topic, partition);
      if (leader === undefined) throw new Error(`partition ${partition} of ${topic} has no leader`);
      const led = byLeader.get(leader);
      if (led) led.push(partition);
      else byLeader.set(leader, [partition]);
    }
    const [starts, ends] = [new Array<number>(partitions), new Array<number>(partitions)];
    const ask = async (leader: number, led: readonly number[], timestamp: number, offsets: number[]) => {
      const answer = await directory.to(leader, 'ask').request<ListOffsetsAnswer>('ListOffsets', {
        isolationLevel: READ_UNCOMMITTED,
        topics: [{ topic, partitions: led.map((partition) => ({ partition, timestamp })) }],
      });
      for (const { partition, errorCode, offset } of answer.responses[0]?.partitions ?? []) {
        if (errorCode !== 0) throw errors.createErrorFromCode(errorCode);
        offsets[partition] = Number(offset);
      }
    };
    await Promise.all(
      [...byLeader].flatMap(([leader, led]) => [ask(leader, led, EARLIEST, starts), ask(leader, led, LATEST, ends)]),
    );
    return Array.from({ length: partitions }, (_, partition) => {
      const [start, end] = [starts[partition], ends[partition]];
      if (start === undefined || end === undefined) throw new Error(`no answer for partition ${partition} of ${topic}`);
      return { topic, partition, start, end };
    });
  });
}
