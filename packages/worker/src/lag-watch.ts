import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog, TopicPartition } from '@wayline/event-log';
import { type Pool, readPositions } from '@wayline/store';
import type { WorkerLogger } from './worker-logger.ts';

export interface LagWatchOptions {
  log: EventLog;
  pool: Pool;
  group: string;
  topics: readonly string[];
  logger: WorkerLogger;
  /** The partitions that this process holds: each is told of by its holder. */
  assigned(): readonly TopicPartition[];
  /** Default 30 s. */
  everyMs?: number;
}

/** How far behind the log a partition is. */
export interface PartitionLag extends TopicPartition {
  /** Not stored yet; an upper bound, where offsets have gaps. */
  records: number;
  /** Age of the first of them, by the log's clock. */
  seconds: number;
}

export interface LagWatch {
  stop(): Promise<void>;
}

/** Below this nobody needs to be told how long unread records are kept. */
const YOUNG_SECONDS = 60;
/** From these parts of the retention on, unread records are about to expire. */
const WARN_FROM = 0.5;
const ALARM_FROM = 0.8;

/** Tells every half minute how far behind the partitions of this process are, and in time before unread records expire. */
export function startLagWatch(options: LagWatchOptions): LagWatch {
  const { logger, everyMs = 30_000 } = options;
  const abort = new AbortController();
  async function run(): Promise<void> {
    for (;;) {
      await sleep(everyMs, undefined, { signal: abort.signal }).catch(() => undefined);
      if (abort.signal.aborted) return;
      try {
        await tellLag(options, await readLag(options));
      } catch (error) {
        if (!abort.signal.aborted) logger.warn({ err: error }, 'how far behind the worker is cannot be told just now');
      }
    }
  }
  const running = run();
  return {
    async stop() {
      abort.abort();
      await running;
    },
  };
}

/** The partitions held here that have records not stored yet. */
export async function readLag({ log, pool, group, topics, assigned }: LagWatchOptions): Promise<PartitionLag[]> {
  const held = new Set(assigned().map(nameOf));
  const positions = await readPositions(pool, log.id, group);
  const next = new Map(positions.map((position) => [nameOf(position), position.nextOffset]));
  // The ends are read after the positions: a lag is then never below the true one.
  const ranges = (await Promise.all(topics.map((topic) => log.ranges(topic)))).flat();
  const behind = ranges.flatMap(({ topic, partition, start, end }) => {
    const offset = Math.max(start, next.get(nameOf({ topic, partition })) ?? start);
    return held.has(nameOf({ topic, partition })) && offset < end ? [{ topic, partition, offset, end }] : [];
  });
  return Promise.all(
    behind.map(async ({ topic, partition, offset, end }) => {
      const first = await log.peek({ topic, partition, offset });
      const seconds = first ? Math.max(0, (Date.now() - first.timeMs) / 1000) : 0;
      return { topic, partition, records: end - offset, seconds: Math.round(seconds) };
    }),
  );
}

async function tellLag({ log, logger, assigned }: LagWatchOptions, lags: readonly PartitionLag[]): Promise<void> {
  const records = lags.reduce((sum, lag) => sum + lag.records, 0);
  const oldest = lags.reduce((most, lag) => Math.max(most, lag.seconds), 0);
  logger.info({ records, seconds: oldest, partitions: assigned().length, behind: lags.length }, 'lag of the worker');
  for (const lag of lags.filter(({ seconds }) => seconds >= YOUNG_SECONDS)) {
    const keptMs = await log.retentionMs(lag.topic);
    const share = keptMs === undefined ? 0 : (lag.seconds * 1000) / keptMs;
    if (share < WARN_FROM) continue;
    logger[share < ALARM_FROM ? 'warn' : 'error'](
      { ...lag, expiresInSeconds: Math.round((keptMs as number) / 1000 - lag.seconds) },
      'unread records are about to expire: the log deletes them by its retention, stored or not',
    );
  }
}

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
