import type { Platform } from '../names.ts';
import { plannedOnce } from '../planned-once.ts';
import type { Reader } from '../read-only.ts';
import { inheritedUsers } from './inherited-users.ts';
import { platformName, sourceKindName } from './stored-event.ts';

/** A session as it is stored. Times are corrected, epoch ms; null where there is none. */
export interface StoredSession {
  sessionId: string;
  previousSessionId: string | null;
  /** Its own, else that of the nearest predecessor that has one. */
  userId: string | null;
  machineId: string | null;
  platform: Platform | null;
  startedMs: number | null;
  endedMs: number | null;
  refreshedMs: number | null;
  firstMs: number;
  lastMs: number;
  eventCount: number;
  /** Names, sorted, each once. */
  apps: string[];
  microservices: string[];
}

/** What `readStoredSessions` needs of `sessions`. */
export const SESSION_COLUMNS = `session_id, previous_session_id, user_id, machine_id, platform, started_at, ended_at,
  refreshed_at, first_at, last_at, event_count, source_ids`;

interface SessionRecord {
  session_id: string;
  previous_session_id: string | null;
  user_id: string | null;
  machine_id: string | null;
  platform: number | null;
  started_at: number | null;
  ended_at: number | null;
  refreshed_at: number | null;
  first_at: number;
  last_at: number;
  event_count: number;
  source_ids: string[];
  /** Of all sessions that were read, in the first of them. */
  sources: SourceName[] | null;
}

interface SourceName {
  id: string;
  kind: number;
  name: string;
}

export interface SessionsSelect {
  /** Of `SESSION_COLUMNS`; $1 must be the project. */
  select: string;
  /** Columns. */
  order: string;
  values: readonly unknown[];
  /** Whether it goes by the key, so that it needs no plan for these very values. */
  isByKey?: boolean;
}

/**
 * Sessions, with what stands elsewhere: the names of their sources, read by the same statement, and users of predecessors,
 * for which there is another where a session may have one.
 */
export async function readStoredSessions(
  reader: Reader,
  projectId: number,
  { select, order, values, isByKey = false }: SessionsSelect,
): Promise<StoredSession[]> {
  const text = `WITH page AS MATERIALIZED (${select}), of_page AS (
       SELECT json_agg(json_build_object('id', id::text, 'kind', kind, 'name', name)) AS sources FROM sources
       WHERE project_id = $1 AND id = ANY (ARRAY(SELECT DISTINCT unnest(source_ids) FROM page))
     )
     SELECT ${SESSION_COLUMNS}, CASE row_number() OVER () WHEN 1 THEN (SELECT sources FROM of_page) END AS sources
     FROM page ORDER BY ${order}`;
  const { rows } = await reader.query<SessionRecord>(
    isByKey ? plannedOnce(text, [...values]) : { text, values: [...values] },
  );
  const named = rows.flatMap(({ sources }) => sources ?? []);
  const names = new Map(named.map(({ id, kind, name }) => [id, { kind: sourceKindName(kind), name }]));
  const users = await inheritedUsers(
    reader,
    projectId,
    rows.filter(({ user_id }) => user_id === null),
  );
  return rows.map((record) => {
    const sources = record.source_ids.flatMap((id) => names.get(id) ?? []);
    const namesOf = (kind: string) =>
      [...new Set(sources.filter((s) => s.kind === kind).map(({ name }) => name))].sort();
    return {
      sessionId: record.session_id,
      previousSessionId: record.previous_session_id,
      userId: record.user_id ?? users.get(record.session_id) ?? null,
      machineId: record.machine_id,
      platform: platformName(record.platform) ?? null,
      startedMs: record.started_at,
      endedMs: record.ended_at,
      refreshedMs: record.refreshed_at,
      firstMs: record.first_at,
      lastMs: record.last_at,
      eventCount: record.event_count,
      apps: namesOf('app'),
      microservices: namesOf('microservice'),
    };
  });
}
