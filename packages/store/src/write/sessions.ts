import type { PoolClient } from 'pg';
import { PLATFORMS } from '../names.ts';
import { bigints, integers, smallints, texts, timestamps, uuids } from './binary-array.ts';
import type { EventRow } from './event-rows.ts';

/** The value of the event with the greatest (corrected time, id) that has one. */
interface Latest<T> {
  value: T;
  atMs: number;
  eventId: string;
}

/** `current`, changed where the row's value is later: rows come in order of time, so that most are. */
function later<T>(current: Latest<T> | undefined, value: T | undefined, row: EventRow): Latest<T> | undefined {
  if (value === undefined || value === '') return current;
  const atMs = row.times.correctedMs;
  const { eventId } = row.event;
  if (!current) return { value, atMs, eventId };
  if (atMs > current.atMs || (atMs === current.atMs && eventId > current.eventId)) {
    current.value = value;
    current.atMs = atMs;
    current.eventId = eventId;
  }
  return current;
}

/** What a batch's new rows say of one session, or of one machine within one. */
interface Span {
  projectId: number;
  firstMs: number;
  lastMs: number;
  count: number;
}

interface SessionDelta extends Span {
  sessionId: string;
  startedMs: number | undefined;
  endedMs: number | undefined;
  refreshedMs: number | undefined;
  previousSessionId: string | undefined;
  user: Latest<string> | undefined;
  machine: Latest<string> | undefined;
  platform: Latest<number> | undefined;
  /** Of either, few; no id twice. */
  sourceIds: string[];
  typeIds: string[];
  /** Between which corrected times events of apps are new. */
  appFromMs: number;
  appToMs: number;
}

interface MachineInSession extends Span {
  machineId: string;
  sessionId: string;
}

interface SeenId extends Span {
  id: string;
}

/** Everything that the new rows of a batch change beside `events` itself, as additive deltas. */
export interface Deltas {
  sessions: SessionDelta[];
  sessionMachines: MachineInSession[];
  machines: SeenId[];
}

const least = (a: number | undefined, b: number): number => (a === undefined || b < a ? b : a);

function widen(span: Span, ms: number): void {
  if (ms < span.firstMs) span.firstMs = ms;
  if (ms > span.lastMs) span.lastMs = ms;
  span.count++;
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Sums up new rows. Only rows that are new may be given, since each is counted; sorted by session, which makes it quick.
 */
export function deltasOf(rows: readonly EventRow[]): Deltas {
  const sessions: SessionDelta[] = [];
  const sessionMachines: MachineInSession[] = [];
  const machines = new Map<string, SeenId>();
  let session: SessionDelta | undefined;
  let inSession = new Map<string, MachineInSession>();
  for (const row of rows) {
    const { event, source, type } = row;
    const { projectId } = row.share;
    const ms = row.times.correctedMs;
    if (!session || session.projectId !== projectId || session.sessionId !== event.sessionId) {
      session = newSession(row);
      sessions.push(session);
      inSession = new Map();
    }
    widen(session, ms);
    session.user = later(session.user, event.userId, row);
    session.machine = later(session.machine, event.machineId, row);
    session.platform = later(session.platform, event.platform && PLATFORMS[event.platform], row);
    if (source !== undefined && !source.taken) addOnce(session.sourceIds, source.id.text);
    if (!type.taken) addOnce(session.typeIds, type.id.text);
    noteLifecycle(session, row);
    if (event.source?.kind === 'app') {
      if (ms < session.appFromMs) session.appFromMs = ms;
      if (ms > session.appToMs) session.appToMs = ms;
    }
    const { machineId } = event;
    if (!machineId) continue;
    let machine = inSession.get(machineId);
    if (!machine) {
      machine = { projectId, firstMs: ms, lastMs: ms, count: 0, machineId, sessionId: event.sessionId };
      inSession.set(machineId, machine);
      sessionMachines.push(machine);
    }
    widen(machine, ms);
  }
  for (const { projectId, machineId, firstMs, lastMs } of sessionMachines) {
    const key = `${projectId} ${machineId}`;
    const seen = machines.get(key) ?? { projectId, firstMs, lastMs, count: 0, id: machineId };
    machines.set(key, seen);
    widen(seen, firstMs);
    widen(seen, lastMs);
  }
  return {
    sessions,
    sessionMachines: sessionMachines.sort(
      (a, b) =>
        a.projectId - b.projectId || compareText(a.machineId, b.machineId) || compareText(a.sessionId, b.sessionId),
    ),
    machines: [...machines.values()].sort((a, b) => a.projectId - b.projectId || compareText(a.id, b.id)),
  };
}

function addOnce(ids: string[], id: string): void {
  if (!ids.includes(id)) ids.push(id);
}

function newSession({ share, event, times: { correctedMs } }: EventRow): SessionDelta {
  return {
    projectId: share.projectId,
    firstMs: correctedMs,
    lastMs: correctedMs,
    count: 0,
    sessionId: event.sessionId,
    startedMs: undefined,
    endedMs: undefined,
    refreshedMs: undefined,
    previousSessionId: undefined,
    user: undefined,
    machine: undefined,
    platform: undefined,
    sourceIds: [],
    typeIds: [],
    appFromMs: Number.POSITIVE_INFINITY,
    appToMs: Number.NEGATIVE_INFINITY,
  };
}

function noteLifecycle(session: SessionDelta, { event, times }: EventRow): void {
  if (event.type === 'sessionStarted') {
    session.startedMs = least(session.startedMs, times.correctedMs);
    const previous = event.context?.previousSessionId;
    if (typeof previous === 'string' && (!session.previousSessionId || previous < session.previousSessionId)) {
      session.previousSessionId = previous;
    }
  } else if (event.type === 'sessionEnded') {
    if (event.context?.reason === 'refreshed') session.refreshedMs = least(session.refreshedMs, times.correctedMs);
    else session.endedMs = least(session.endedMs, times.correctedMs);
  }
}

const UPSERT_SESSIONS = `
  INSERT INTO sessions AS s (project_id, session_id, first_at, last_at, started_at, ended_at, refreshed_at, event_count,
    previous_session_id, user_id, user_at, user_event, machine_id, machine_at, machine_event, platform, platform_at,
    platform_event, source_ids, type_ids)
  SELECT project_id, session_id, first_at, last_at, started_at, ended_at, refreshed_at, event_count,
    previous_session_id, user_id, user_at, user_event, machine_id, machine_at, machine_event, platform, platform_at,
    platform_event, source_ids::bigint[], type_ids::bigint[]
  FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
    $7::timestamptz[], $8::bigint[], $9::text[], $10::text[], $11::timestamptz[], $12::uuid[], $13::text[],
    $14::timestamptz[], $15::uuid[], $16::smallint[], $17::timestamptz[], $18::uuid[], $19::text[], $20::text[])
    AS d (project_id, session_id, first_at, last_at, started_at, ended_at, refreshed_at, event_count,
      previous_session_id, user_id, user_at, user_event, machine_id, machine_at, machine_event, platform, platform_at,
      platform_event, source_ids, type_ids)
  ON CONFLICT (project_id, session_id) DO UPDATE SET
    first_at = least(s.first_at, excluded.first_at),
    last_at = greatest(s.last_at, excluded.last_at),
    started_at = least(s.started_at, excluded.started_at),
    ended_at = least(s.ended_at, excluded.ended_at),
    refreshed_at = least(s.refreshed_at, excluded.refreshed_at),
    event_count = s.event_count + excluded.event_count,
    previous_session_id = least(s.previous_session_id, excluded.previous_session_id),
    ${['user', 'machine', 'platform'].map(keepLatest).join(',\n    ')},
    source_ids = CASE WHEN s.source_ids @> excluded.source_ids THEN s.source_ids
      ELSE ARRAY(SELECT unnest(s.source_ids) UNION SELECT unnest(excluded.source_ids)) END,
    type_ids = CASE WHEN s.type_ids @> excluded.type_ids THEN s.type_ids
      ELSE ARRAY(SELECT unnest(s.type_ids) UNION SELECT unnest(excluded.type_ids)) END`;

/** SET clauses that keep the value with the greatest (time, event); a side without one never wins. */
function keepLatest(name: 'user' | 'machine' | 'platform' | string): string {
  const value = name === 'platform' ? 'platform' : `${name}_id`;
  const wins = `excluded.${name}_at IS NOT NULL AND (s.${name}_at IS NULL OR
      (excluded.${name}_at, excluded.${name}_event) > (s.${name}_at, s.${name}_event))`;
  return [value, `${name}_at`, `${name}_event`]
    .map((column) => `${column} = CASE WHEN ${wins} THEN excluded.${column} ELSE s.${column} END`)
    .join(',\n    ');
}

const UPSERT_SESSION_MACHINES = `
  INSERT INTO session_machines AS m (project_id, machine_id, session_id, first_at, last_at, event_count)
  SELECT * FROM unnest($1::integer[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bigint[])
  ON CONFLICT (project_id, machine_id, session_id) DO UPDATE SET
    first_at = least(m.first_at, excluded.first_at), last_at = greatest(m.last_at, excluded.last_at),
    event_count = m.event_count + excluded.event_count`;

const UPSERT_MACHINES = `
  INSERT INTO machines AS m (project_id, machine_id, first_at, last_at)
  SELECT * FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::timestamptz[])
  ON CONFLICT (project_id, machine_id) DO UPDATE SET
    first_at = least(m.first_at, excluded.first_at), last_at = greatest(m.last_at, excluded.last_at)
  WHERE m.first_at > excluded.first_at OR m.last_at < excluded.last_at`;

/** Adds the deltas to the tables, each by one statement, in a fixed order of tables and by key within each. */
export async function writeDeltas(client: PoolClient, deltas: Deltas): Promise<void> {
  const { sessions, sessionMachines, machines } = deltas;
  if (sessions.length === 0) return;
  await client.query(UPSERT_SESSIONS, [
    integers(sessions.map((s) => s.projectId)),
    texts(sessions.map((s) => s.sessionId)),
    timestamps(sessions.map((s) => s.firstMs)),
    timestamps(sessions.map((s) => s.lastMs)),
    timestamps(sessions.map((s) => s.startedMs)),
    timestamps(sessions.map((s) => s.endedMs)),
    timestamps(sessions.map((s) => s.refreshedMs)),
    bigints(sessions.map((s) => s.count)),
    texts(sessions.map((s) => s.previousSessionId)),
    texts(sessions.map((s) => s.user?.value)),
    timestamps(sessions.map((s) => s.user?.atMs)),
    uuids(sessions.map((s) => s.user?.eventId)),
    texts(sessions.map((s) => s.machine?.value)),
    timestamps(sessions.map((s) => s.machine?.atMs)),
    uuids(sessions.map((s) => s.machine?.eventId)),
    smallints(sessions.map((s) => s.platform?.value)),
    timestamps(sessions.map((s) => s.platform?.atMs)),
    uuids(sessions.map((s) => s.platform?.eventId)),
    texts(sessions.map((s) => `{${s.sourceIds.join(',')}}`)),
    texts(sessions.map((s) => `{${s.typeIds.join(',')}}`)),
  ]);
  if (sessionMachines.length > 0) {
    await client.query(UPSERT_SESSION_MACHINES, [
      integers(sessionMachines.map((m) => m.projectId)),
      texts(sessionMachines.map((m) => m.machineId)),
      texts(sessionMachines.map((m) => m.sessionId)),
      timestamps(sessionMachines.map((m) => m.firstMs)),
      timestamps(sessionMachines.map((m) => m.lastMs)),
      bigints(sessionMachines.map((m) => m.count)),
    ]);
  }
  if (machines.length > 0) {
    await client.query(UPSERT_MACHINES, [
      integers(machines.map((m) => m.projectId)),
      texts(machines.map((m) => m.id)),
      timestamps(machines.map((m) => m.firstMs)),
      timestamps(machines.map((m) => m.lastMs)),
    ]);
  }
}
