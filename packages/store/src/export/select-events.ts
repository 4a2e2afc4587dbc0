import { escapeLiteral } from 'pg';
import { NAME_KINDS, nameId } from '../names.ts';
import type { SessionPlace } from '../queries/locate-session.ts';
import { placedEvents, SESSION_ORDER } from '../queries/session-order.ts';
import { CORRECTED_AT, EVENT_COLUMNS, EVENT_NAMES } from '../queries/stored-event.ts';
import { SKEW_MARGIN_MS, type TimeRange, timestampsOf } from '../queries/timestamps.ts';

/**
 * Which events are read, and in which order: a session's in its own, or by source and then in its own; a machine's by its own clock,
 * over sessions; all of a project in a range of corrected times, in no order; a user's by `occurred_at`.
 */
export type EventSelection =
  | { session: SessionPlace; type?: string | undefined; order?: 'session' | 'source' }
  | { machine: string; projectId: number; range: TimeRange }
  | { project: number; range: TimeRange; type?: string | undefined }
  | { user: string; projectId: number };

/** The select of `EVENT_COLUMNS`, for COPY: without parameters. */
export function selectEvents(selection: EventSelection): string {
  if ('session' in selection) return ofSession(selection);
  if ('machine' in selection) return ofMachine(selection);
  if ('user' in selection) return ofUser(selection);
  return ofProject(selection);
}

const literal = (text: string): string => escapeLiteral(text);

/** All columns that `EVENT_COLUMNS` reads, besides those of `placedEvents` itself. */
const PLACED_COLUMNS = `project_id, session_id, received_at, skew_ms, user_id, anonymous_id, machine_id, platform, target, page,
  referrer, value, seq, context, inline_names, type_id, namespace_id, user_agent_id, source_id`;

/** The parts of a source, wherever they stand: what is of one source is then together. Events without a source come first. */
const SOURCE_ORDER = `coalesce(e.inline_names -> 'source' ->> 'kind', CASE source.kind WHEN 1 THEN 'app' WHEN 2 THEN 'microservice' END)
  NULLS FIRST, ${['name', 'version', 'instance']
    .map((part) => `coalesce(e.inline_names -> 'source' ->> '${part}', source.${part})`)
    .join(', ')}`;

function ofSession({ session, type, order }: Extract<EventSelection, { session: SessionPlace }>): string {
  const placed = placedEvents(PLACED_COLUMNS, {
    projectId: String(session.projectId),
    sessionId: literal(session.sessionId),
    occurredFrom: literal(session.occurredFrom),
    occurredTo: literal(session.occurredTo),
    correctedFrom: `'-infinity'`,
  });
  return `SELECT ${EVENT_COLUMNS} FROM (${placed}) e ${EVENT_NAMES}
    ${type === undefined ? '' : `WHERE ${ofType(session.projectId, type)}`}
    ORDER BY ${order === 'source' ? `${SOURCE_ORDER}, ` : ''}${SESSION_ORDER}`;
}

function ofMachine({ machine, projectId, range }: Extract<EventSelection, { machine: string }>): string {
  const [from, to] = timestampsOf(range);
  return `SELECT ${EVENT_COLUMNS} FROM events e ${EVENT_NAMES}
    WHERE e.project_id = ${projectId} AND e.machine_id = ${literal(machine)}
      AND e.occurred_at >= ${literal(from)} AND e.occurred_at < ${literal(to)}
    ORDER BY e.occurred_at, e.session_id, e.event_id`;
}

function ofProject({ project, range, type }: Extract<EventSelection, { project: number }>): string {
  const [from, to] = timestampsOf(range);
  const [earliest, latest] = timestampsOf(range, SKEW_MARGIN_MS);
  return `SELECT ${EVENT_COLUMNS} FROM events e ${EVENT_NAMES}
    WHERE e.project_id = ${project} AND e.occurred_at >= ${literal(earliest)} AND e.occurred_at < ${literal(latest)}
      AND ${CORRECTED_AT} >= ${literal(from)} AND ${CORRECTED_AT} < ${literal(to)}
      ${type === undefined ? '' : `AND ${ofType(project, type)}`}`;
}

function ofUser({ user, projectId }: Extract<EventSelection, { user: string }>): string {
  return `SELECT ${EVENT_COLUMNS} FROM events e ${EVENT_NAMES}
    WHERE e.project_id = ${projectId} AND (e.user_id = ${literal(user)} OR e.anonymous_id = ${literal(user)})
    ORDER BY e.occurred_at, e.event_id`;
}

function ofType(projectId: number, type: string): string {
  const id = literal(nameId(NAME_KINDS.type, type));
  return `(e.inline_names ->> 'type' = ${literal(type)} OR e.type_id = (SELECT id FROM names
    WHERE project_id = ${projectId} AND kind = ${NAME_KINDS.type} AND id = ${id} AND name = ${literal(type)}))`;
}
