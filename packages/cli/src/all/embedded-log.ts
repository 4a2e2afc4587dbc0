import { existsSync } from 'node:fs';
import { TOPICS } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import { logBytesInFlight, type Pool, topics } from '../compose.ts';
import type { DataFolder } from '../data-folder.ts';
import { readDevFile } from '../dev-file.ts';
import { messageOf, UsageError } from '../errors.ts';
import type { Service } from '../service.ts';

/** Partitions of the embedded log, as many as Kafka's by default. */
const PARTITIONS = 12;

/**
 * Opens the log in the data folder, which also keeps a second process out of it.
 * @throws UsageError if one runs there, LogSetupError if the folder cannot be used otherwise
 */
export async function openEmbeddedLog({ config, logger, lifecycle }: Service, folder: DataFolder): Promise<EventLog> {
  const { createEmbeddedLog } = await import('@wayline/event-log/embedded');
  const { logRetentionHours, logRetentionMegabytes } = config;
  try {
    const log = await createEmbeddedLog({
      folder: folder.logFolder,
      topics: topics(PARTITIONS),
      maxBytesInFlight: logBytesInFlight(config),
      retentionMs: logRetentionHours * 3_600_000,
      retentionBytes: logRetentionMegabytes && logRetentionMegabytes * 1024 * 1024,
      logger,
    });
    lifecycle.onStop('the embedded log', () => log.close());
    return log;
  } catch (error) {
    const [, holder] = /is in use by ([^:]+)/.exec(messageOf(error)) ?? [];
    if (!holder) throw error;
    const url = (await readDevFile(folder.devFile))?.url ?? 'an address not known yet';
    throw new UsageError(
      `Wayline runs on the data folder ${folder.path} already: ${holder}, at ${url}. Stop it, or set WAYLINE_DATA_DIR to another folder.`,
    );
  }
}

export function hasEmbeddedLog(folder: DataFolder): boolean {
  return existsSync(folder.logFolder);
}

/**
 * What was acknowledged into the embedded log must not be left behind when Kafka takes its place.
 * @throws UsageError if there are records that are not in PostgreSQL yet
 */
export async function requireDrained(log: EventLog, pool: Pool, group: string): Promise<void> {
  const { readPosition } = await import('@wayline/store');
  let unread = 0;
  for (const { topic, partition, start, end } of await rangesOf(log)) {
    const position = await readPosition(pool, { logId: log.id, group, topic, partition });
    unread += Math.max(0, end - Math.max(start, position?.nextOffset ?? 0));
  }
  if (unread === 0) return;
  throw new UsageError(
    `The embedded log still holds ${unread} records that are not in PostgreSQL: start without KAFKA_BROKERS until ` +
      '`GET /v1/ledger` shows none pending, then again with it.',
  );
}

async function rangesOf(log: EventLog) {
  return [...(await log.ranges(TOPICS.events)), ...(await log.ranges(TOPICS.direct))];
}
