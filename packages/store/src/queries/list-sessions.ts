import { NAME_KINDS, nameId, SOURCE_KINDS } from '../names.ts';
import type { Reader } from '../read-only.ts';
import { PREDECESSORS } from './inherited-users.ts';
import type { Place } from './overlapping-sessions.ts';
import { readStoredSessions, SESSION_COLUMNS, type SessionsSelect, type StoredSession } from './stored-session.ts';
import { LONG_SESSION_MS, type TimeRange, timestampOf } from './timestamps.ts';

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
  return readStoredSessions(reader, projectId, pageQuery(conditions, filter, limit));
}

/**
 * Without `from` a walk down the index on `first_at`. With it, only the long sessions can have begun more than a day
 * before and still reach into the range, so the walk ends there, and the long ones are looked for apart. A user's own
 * sessions are a walk down an index, too, and those that show a predecessor's user are looked for apart.
 */
function pageQuery(conditions: Conditions, filter: SessionFilter, limit: number): SessionsSelect {
  const { values } = conditions;
  const place = (value: unknown): string => `$${values.push(value)}`;
  const users = usersOf(filter, place);
  const spans = spansOf(filter.range, place);
  const max = place(limit);
  const order = 'first_at DESC, session_id';
  const selects = users.flatMap((user) =>
    spans.map(
      (span) =>
        `SELECT ${SESSION_COLUMNS} FROM sessions WHERE ${conditions.and(...user, ...span)}
         ORDER BY ${order} LIMIT ${max}`,
    ),
  );
  const [only = '', ...others] = selects;
  if (others.length === 0) return { select: only, order, values };
  const found = selects.map((select) => `(${select})`).join(' UNION ALL ');
  return { select: `SELECT * FROM (${found}) found ORDER BY ${order} LIMIT ${max}`, order, values };
}

/** Lists of conditions, of which a session meets one at most. */
function spansOf({ fromMs }: TimeRange, place: Place): string[][] {
  if (fromMs === undefined) return [[]];
  const [from, dayBefore] = [place(timestampOf(fromMs)), place(timestampOf(fromMs - LONG_SESSION_MS))];
  return [
    [`last_at >= ${from}`, `first_at >= ${dayBefore}`],
    [`last_at >= ${from}`, `first_at < ${dayBefore}`, 'is_long'],
  ];
}

/** The same. */
function usersOf({ userId }: SessionFilter, place: Place): string[][] {
  if (userId === undefined) return [[]];
  const user = place(userId);
  return [[`user_id = ${user}`], [`session_id = ANY (ARRAY(${inheritingOf(user)}))`]];
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
  const { projectId, machineId, machineTouched = false, app, microservice, type, range } = filter;
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
    conditions.add('type_ids && ARRAY[?::bigint]', nameId(NAME_KINDS.type, type));
    // The id may be that of another name. Looked at once a statement, before anything else is read.
    const isIts = `kind = ${NAME_KINDS.type} AND id = $${conditions.values.length} AND name = ?`;
    conditions.add(`EXISTS (SELECT FROM names WHERE project_id = $1 AND ${isIts})`, type);
  }
  return true;
}

/**
 * Sessions without a user of their own that come after a user's, directly or through others of the kind. A session has one
 * predecessor, so none is found twice, and a ring cannot be entered. To be used as an array: how many rows a recursion gives
 * is not known before, and a join would read all sessions.
 */
const inheritingOf = (user: string): string => `
  WITH RECURSIVE of_user AS (
    SELECT session_id, 0 AS depth FROM sessions WHERE project_id = $1 AND user_id = ${user}
    UNION ALL
    SELECT s.session_id, depth + 1 FROM of_user
    JOIN sessions s ON s.project_id = $1 AND s.previous_session_id = of_user.session_id
    WHERE s.user_id IS NULL AND depth < ${PREDECESSORS}
  )
  SELECT session_id FROM of_user WHERE depth > 0`;
