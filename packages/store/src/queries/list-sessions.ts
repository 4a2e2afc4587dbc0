import { NAME_KINDS, nameId, SOURCE_KINDS } from '../names.ts';
import type { Reader } from '../read-only.ts';
import { PREDECESSORS } from './inherited-users.ts';
import { SESSION_COLUMNS, type SessionRecord, type StoredSession, toStoredSessions } from './stored-session.ts';
import { type TimeRange, timestampOf } from './timestamps.ts';

export interface SessionFilter {
  projectId: number;
  /** Its own user, or the one that it shows of a predecessor. */
  userId?: string | undefined;
  /** These four match any event of the session. */
  machineId?: string | undefined;
  /** The range selects by overlap with [first, last] event that names the machine, and not by that of the session. */
  machineTouched?: boolean;
  app?: string | undefined;
  microservice?: string | undefined;
  type?: string | undefined;
  /** Selects by overlap with [first event, last event], in corrected time. */
  range: TimeRange;
}

export interface SessionsPage {
  filter: SessionFilter;
  limit: number;
  /** The last session of the page before. */
  after?: { firstMs: number; sessionId: string } | undefined;
}

/** Sessions longer than this are marked `is_long` in the table. */
const LONG_MS = 24 * 3_600_000;

/** Conditions on `sessions`, and the values that they name. */
class Conditions {
  readonly values: unknown[] = [];
  readonly #all: string[] = [];

  /** `?` in the text stands for the value. */
  add(text: string, value: unknown): void {
    this.values.push(value);
    this.#all.push(text.replaceAll('?', `$${this.values.length}`));
  }

  and(...more: string[]): string {
    return [...this.#all, ...more].join(' AND ');
  }
}

/** Sessions by (first event descending, session id), at most `limit`, after the one given. */
export async function listSessions(reader: Reader, { filter, limit, after }: SessionsPage): Promise<StoredSession[]> {
  const { projectId, range } = filter;
  const conditions = new Conditions();
  conditions.add('project_id = ?', projectId);
  if (!(await addFilter(reader, conditions, filter))) return [];
  if (range.toMs !== undefined) conditions.add('first_at < ?', timestampOf(range.toMs));
  if (after) {
    conditions.add('first_at <= ?', timestampOf(after.firstMs));
    const firstAt = conditions.values.length;
    conditions.add(`(first_at < $${firstAt} OR session_id > ?)`, after.sessionId);
  }
  const { rows } = await reader.query<SessionRecord>(...pageQuery(conditions, range.fromMs, limit));
  return toStoredSessions(reader, projectId, rows);
}

/**
 * Without `from` a walk down the index on `first_at`. With it, only the long sessions can have begun more than a day
 * before and still reach into the range, so the walk ends there, and the long ones are looked for apart.
 */
function pageQuery(conditions: Conditions, fromMs: number | undefined, limit: number): [string, unknown[]] {
  const { values } = conditions;
  const place = (value: unknown): string => `$${values.push(value)}`;
  const select = (where: string, max: string) =>
    `SELECT ${SESSION_COLUMNS} FROM sessions WHERE ${where} ORDER BY first_at DESC, session_id LIMIT ${max}`;
  if (fromMs === undefined) return [select(conditions.and(), place(limit)), values];
  const from = place(timestampOf(fromMs));
  const dayBefore = place(timestampOf(fromMs - LONG_MS));
  const max = place(limit);
  const recent = conditions.and(`last_at >= ${from}`, `first_at >= ${dayBefore}`);
  const long = conditions.and(`last_at >= ${from}`, `first_at < ${dayBefore}`, 'is_long');
  return [
    `SELECT * FROM ((${select(recent, max)}) UNION ALL (${select(long, max)})) found
     ORDER BY first_at DESC, session_id LIMIT ${max}`,
    values,
  ];
}

function addMachine(conditions: Conditions, machineId: string, { fromMs, toMs }: TimeRange): void {
  const { values } = conditions;
  const touched = [
    ...(fromMs === undefined ? [] : [`last_at >= $${values.push(timestampOf(fromMs))}`]),
    ...(toMs === undefined ? [] : [`first_at < $${values.push(timestampOf(toMs))}`]),
  ];
  const where = ['project_id = $1', 'machine_id = ?', ...touched].join(' AND ');
  conditions.add(`session_id IN (SELECT session_id FROM session_machines WHERE ${where})`, machineId);
}

/** False where a name is unknown: then nothing can match. */
async function addFilter(reader: Reader, conditions: Conditions, filter: SessionFilter): Promise<boolean> {
  const { projectId, userId, machineId, machineTouched = false, app, microservice, type, range } = filter;
  if (userId !== undefined) conditions.add(`session_id = ANY (ARRAY(${SESSIONS_OF_USER}))`, userId);
  if (machineId !== undefined) addMachine(conditions, machineId, machineTouched ? range : {});
  const sources = [
    { kind: SOURCE_KINDS.app, name: app },
    { kind: SOURCE_KINDS.microservice, name: microservice },
  ];
  for (const { kind, name } of sources) {
    if (name === undefined) continue;
    const { rows } = await reader.query<{ id: string }>(
      'SELECT id::text AS id FROM sources WHERE project_id = $1 AND kind = $2 AND name = $3',
      [projectId, kind, name],
    );
    if (rows.length === 0) return false;
    conditions.add(
      'source_ids && ?::bigint[]',
      rows.map(({ id }) => id),
    );
  }
  if (type !== undefined) {
    const id = nameId(NAME_KINDS.type, type);
    const { rows } = await reader.query(
      'SELECT FROM names WHERE project_id = $1 AND kind = $2 AND id = $3 AND name = $4',
      [projectId, NAME_KINDS.type, id, type],
    );
    if (rows.length === 0) return false;
    conditions.add('type_ids && ?::bigint[]', [id]);
  }
  return true;
}

/**
 * The user's own sessions, and those after them that have no user of their own. A session has one predecessor, so none
 * is found twice, and a ring cannot be entered. To be used as an array: how many rows a recursion gives is not known before,
 * and a join would read all sessions.
 */
const SESSIONS_OF_USER = `
  WITH RECURSIVE of_user AS (
    SELECT session_id, 0 AS depth FROM sessions WHERE project_id = $1 AND user_id = ?
    UNION ALL
    SELECT s.session_id, depth + 1 FROM of_user
    JOIN sessions s ON s.project_id = $1 AND s.previous_session_id = of_user.session_id
    WHERE s.user_id IS NULL AND depth < ${PREDECESSORS}
  )
  SELECT session_id FROM of_user`;
