import type { Client } from 'pg';

/** Bytes on disk. */
export interface DiskUsage {
  /** `events` in all its partitions, with its indexes. */
  events: number;
  /** Every other table, with its indexes. */
  derived: number;
  /** The largest first: the rows of `events`, each of its indexes over all partitions, each other table. */
  relations: { name: string; bytes: number }[];
}

const SQL = `
  WITH leaves AS (SELECT relid FROM pg_partition_tree('events') WHERE isleaf)
  SELECT 'events' AS name, 'rows' AS part, coalesce(sum(pg_table_size(relid)), 0)::float8 AS bytes FROM leaves
  UNION ALL
  SELECT parent.relname, 'index', sum(pg_total_relation_size(i.indexrelid))::float8
  FROM leaves JOIN pg_index i ON i.indrelid = leaves.relid
  JOIN pg_inherits h ON h.inhrelid = i.indexrelid JOIN pg_class parent ON parent.oid = h.inhparent
  GROUP BY parent.relname
  UNION ALL
  SELECT c.relname, 'derived', pg_total_relation_size(c.oid)::float8
  FROM pg_class c
  WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.oid NOT IN (SELECT relid FROM leaves)
  ORDER BY bytes DESC`;

export async function diskUsage(client: Client): Promise<DiskUsage> {
  const { rows } = await client.query<{ name: string; part: 'rows' | 'index' | 'derived'; bytes: number }>(SQL);
  const sum = (parts: readonly string[]) =>
    rows.filter(({ part }) => parts.includes(part)).reduce((total, { bytes }) => total + bytes, 0);
  return {
    events: sum(['rows', 'index']),
    derived: sum(['derived']),
    relations: rows.map(({ name, bytes }) => ({ name, bytes })),
  };
}
