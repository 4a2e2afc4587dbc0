import { TOPICS } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import { type Pool, readPositions } from '@wayline/store';

/**
 * The least log time of any record that is not stored yet, epoch ms; now, where there is none. Now is taken first, then the
 * ends of the log, then the positions: what is not seen to be unread is stored. Rejects where the log does not answer.
 */
export async function readCompleteThrough({
  log,
  pool,
  group,
}: {
  log: EventLog;
  pool: Pool;
  group: string;
}): Promise<number> {
  const nowMs = Date.now();
  const ranges = (await Promise.all([TOPICS.events, TOPICS.direct].map((topic) => log.ranges(topic)))).flat();
  const positions = await readPositions(pool, log.id, group);
  const next = new Map(positions.map(({ topic, partition, nextOffset }) => [`${topic} ${partition}`, nextOffset]));
  const unread = ranges.flatMap(({ topic, partition, start, end }) => {
    const offset = next.get(`${topic} ${partition}`) ?? start;
    return offset < end ? [{ topic, partition, offset }] : [];
  });
  const first = await Promise.all(unread.map((position) => log.peek(position)));
  return Math.min(nowMs, ...first.flatMap((record) => record?.timeMs ?? []));
}
