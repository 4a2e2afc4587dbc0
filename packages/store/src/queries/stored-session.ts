import type { Platform } from '../names.ts';
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

/** What `toStoredSessions` reads of `sessions`. */
export const SESSION_COLUMNS = `session_id, previous_session_id, user_id, machine_id, platform, started_at, ended_at,
  refreshed_at, first_at, last_at, event_count, source_ids`;

export interface SessionRecord {
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
}

/** Adds what stands elsewhere: the names of sources, and users of predecessors. Two more queries at most, for all. */
export async function toStoredSessions(
  reader: Reader,
  projectId: number,
  records: readonly SessionRecord[],
): Promise<StoredSession[]> {
  const names = await sourceNames(reader, projectId, new Set(records.flatMap(({ source_ids }) => source_ids)));
  const users = await inheritedUsers(
    reader,
    projectId,
    records.filter(({ user_id }) => user_id === null),
  );
  return records.map((record) => {
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

async function sourceNames(
  reader: Reader,
  projectId: number,
  ids: ReadonlySet<string>,
): Promise<Map<string, { kind: string; name: string }>> {
  if (ids.size === 0) return new Map();
  const { rows } = await reader.query<{ id: string; kind: number; name: string }>(
    'SELECT id::text AS id, kind, name FROM sources WHERE project_id = $1 AND id = ANY ($2::bigint[])',
    [projectId, [...ids]],
  );
  return new Map(rows.map(({ id, kind, name }) => [id, { kind: sourceKindName(kind), name }]));
}
