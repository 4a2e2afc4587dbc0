import { TOPICS } from '@wayline/contracts';
import { type CheckResult, type Difference, type Pool, readPositions } from '@wayline/store';
import type { VerifiedLog } from './open-verified-log.ts';

/**
 * The stored positions against the log as it is: none after its end, where it would be another log; none before its
 * start, where records went unread that no worker has booked yet. Records not read yet are no fault.
 * @returns undefined where nothing of that log was ever read, and it may be another one than the database was stored from
 */
export async function verifyLog(
  log: Pick<VerifiedLog, 'id' | 'ranges' | 'isPerhapsAnother'>,
  pool: Pool,
  group: string,
): Promise<(CheckResult & { pending: number }) | undefined> {
  const positions = await readPositions(pool, log.id, group);
  if (positions.length === 0 && log.isPerhapsAnother) return undefined;
  // After the positions, so that a worker that is at it is not taken for one that is ahead of the log.
  const ranges = (await Promise.all([TOPICS.events, TOPICS.direct].map((topic) => log.ranges(topic)))).flat();
  const differences: Difference[] = [];
  let pending = 0;
  for (const { topic, partition, start, end } of ranges) {
    const position = positions.find((other) => other.topic === topic && other.partition === partition);
    const nextOffset = position?.nextOffset ?? start;
    pending += Math.max(0, end - Math.max(start, nextOffset));
    const differ = (what: string, counted: number) =>
      differences.push({
        what,
        logId: log.id,
        topic,
        partition,
        offset: nextOffset,
        booked: nextOffset,
        counted,
        projectId: null,
        hourMs: null,
        sessionId: null,
      });
    if (nextOffset > end) differ('stored position after the end of the log', end);
    if (nextOffset < start) differ('stored position before the start of the log', start);
  }
  return { check: 'log', compared: ranges.length, different: differences.length, differences, pending };
}
