import type { Reader } from '../read-only.ts';
import { type EventPartition, partitionOfTable } from '../write/event-partitions.ts';

/** The partitions of `events` that there are, the oldest first. */
export async function readEventTables(reader: Reader): Promise<EventPartition[]> {
  const { rows } = await reader.query<{ table: string }>(
    `SELECT c.relname AS table FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'events'::regclass`,
  );
  return rows.flatMap(({ table }) => partitionOfTable(table) ?? []).sort((a, b) => a.fromMs - b.fromMs);
}

/** The projects that have rows in a partition: a look-up for each, down the primary key. */
export async function projectsIn(reader: Reader, { table }: EventPartition): Promise<number[]> {
  const { rows } = await reader.query<{ id: number }>(
    `WITH RECURSIVE found AS (
       (SELECT project_id AS id FROM ${table} ORDER BY project_id LIMIT 1)
       UNION ALL
       SELECT (SELECT project_id FROM ${table} WHERE project_id > found.id ORDER BY project_id LIMIT 1)
       FROM found WHERE found.id IS NOT NULL
     )
     SELECT id FROM found WHERE id IS NOT NULL`,
  );
  return rows.map(({ id }) => id);
}
