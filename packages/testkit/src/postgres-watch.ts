import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';

async function ask<T extends object>(databaseUrl: string, sql: string, values: unknown[] = []): Promise<T[]> {
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5000, query_timeout: 15_000 });
  client.on('error', () => {}); // the query in hand says so, too
  try {
    await client.connect();
    return (await client.query<T>(sql, values)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Of the events of these sessions, all of one project, how many are stored. */
export async function storedInSessions(
  databaseUrl: string,
  project: string,
  sessionIds: readonly string[],
): Promise<number> {
  const [row] = await ask<{ n: number }>(
    databaseUrl,
    `SELECT count(*)::int AS n FROM events
     WHERE project_id = (SELECT id FROM projects WHERE slug = $1) AND session_id = ANY ($2)`,
    [project, sessionIds],
  );
  return row?.n ?? 0;
}

/** How many COPYs into a table are open just now. */
export async function openCopies(databaseUrl: string): Promise<number> {
  const [row] = await ask<{ n: number }>(
    databaseUrl,
    "SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'active' AND query ~* '^COPY .* FROM STDIN'",
  );
  return row?.n ?? 0;
}

/** How many sessions are marked, whose hops are to be remade in the background. */
export async function dirtySessions(databaseUrl: string): Promise<number> {
  const [row] = await ask<{ n: number }>(databaseUrl, 'SELECT count(*)::int AS n FROM dirty_sessions');
  return row?.n ?? 0;
}

/** Resolves when no session is marked any more; rejects where that takes longer than `patienceMs`. */
export async function hopsRemade(databaseUrl: string, patienceMs = 600_000): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (let left = await dirtySessions(databaseUrl); left > 0; left = await dirtySessions(databaseUrl)) {
    if (performance.now() > deadline) throw new Error(`The hops of ${left} sessions are not remade`);
    await sleep(100);
  }
}

/** What the ledger and the positions say of one partition of one log. */
export interface PartitionBooks {
  logId: string;
  topic: string;
  partition: number;
  /** Records read, by the ledger. */
  read: number;
  duplicate: number;
  /** By the positions; null where there is no row. */
  nextOffset: number | null;
}

/** The books of each partition, all projects together. */
export function partitionBooks(databaseUrl: string): Promise<PartitionBooks[]> {
  return ask(
    databaseUrl,
    `SELECT log_id AS "logId", topic, partition, coalesce(l.read, 0)::int AS read,
       coalesce(l.duplicate, 0)::int AS duplicate, p.next_offset::int AS "nextOffset"
     FROM (SELECT log_id, topic, partition, sum(read) AS read, sum(duplicate) AS duplicate
       FROM ledger GROUP BY log_id, topic, partition) l
     FULL JOIN (SELECT log_id, topic, partition, max(next_offset) AS next_offset
       FROM positions GROUP BY log_id, topic, partition) p USING (log_id, topic, partition)
     ORDER BY log_id, topic, partition`,
  );
}
