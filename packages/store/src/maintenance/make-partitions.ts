import type { Pool } from 'pg';
import { EventPartitions } from '../write/event-partitions.ts';

const DAY_MS = 86_400_000;

/** Makes the partitions of `events` of yesterday, today and the days ahead, where they are missing. */
export async function makePartitionsAhead(pool: Pool, nowMs: number, days: number): Promise<void> {
  const times = Array.from({ length: days + 2 }, (_, index) => nowMs + (index - 1) * DAY_MS);
  await new EventPartitions(pool).ensure(times);
}
