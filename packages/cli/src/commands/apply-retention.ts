import { applyRetention, readLogProgress, withBackgroundLock } from '@wayline/store';
import type { Config } from '../config.ts';
import { UsageError } from '../errors.ts';
import { withPool } from '../store-access.ts';
import type { Answer } from './admin.ts';

const HOUR_MS = 3_600_000;

/**
 * One pass of retention, from here. How far the log is read is what a worker noted last: that may be less than is true now,
 * never more.
 */
export async function applyRetentionCommand(config: Config<'admin'>): Promise<Answer> {
  return withPool(config, async (pool) => {
    const progress = await readLogProgress(pool);
    if (!progress) {
      throw new UsageError(
        'No worker has noted yet how far the log is read, so nothing can be called expired; start one.',
      );
    }
    const throughMs = progress.completeThroughMs;
    const report = await withBackgroundLock(pool, 'maintenance', () =>
      applyRetention(pool, {
        throughMs,
        defaultDays: config.retentionDays,
        userCountDays: config.metricsRetentionDays,
        thorough: true,
      }),
    );
    if (!report) throw new UsageError('A worker is at it just now; its log tells what it deletes.');
    const asOf = new Date(throughMs).toISOString();
    const stale = Date.now() - progress.notedMs > HOUR_MS;
    const lines = [
      `Expired as of ${asOf}, up to when all of the log was stored${stale ? ' when a worker last looked, over an hour ago' : ''}:`,
      ...report.partitionsDropped.map(({ table, events }) => `  ${table} dropped, with ${events} events`),
      ...report.eventsDeleted.map(({ projectId, events }) => `  ${events} events of project ${projectId} deleted`),
      `  ${report.sessions} sessions, ${report.batches} batches and ${report.claims} claims deleted`,
      ...(report.userCounts > 0 ? [`  ${report.userCounts} minutes of the metrics' history deleted`] : []),
    ];
    return { fields: { completeThrough: asOf, ...report }, text: lines.join('\n') };
  });
}
