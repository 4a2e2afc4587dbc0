import { eventSchema } from './event-schema.ts';
import type { IdentifiedEvent } from './logged-event.ts';
import type { RecordRefusal } from './read-record-value.ts';
import { parseRfc3339 } from './rfc3339.ts';
import { isUuid } from './uuid.ts';

type Refused = { projectId: number; event?: Partial<IdentifiedEvent>; refused: RecordRefusal };
type Read = { projectId: number; event: IdentifiedEvent; receivedMs: number; skewMs: number };

/** PostgreSQL's integer ends there. */
const GREATEST_PROJECT = 2 ** 31 - 1;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): boolean => typeof value === 'string';

const { properties } = eventSchema;
const PLATFORMS: readonly unknown[] = properties.platform.enum;
const SOURCE_KINDS: readonly unknown[] = properties.source.properties.kind.enum;
const SOURCE_PARTS = new Set(['kind', 'name', 'version', 'instance']);

/** Whether a value says who reported, as the column for it can hold. */
export function isSource(value: unknown): boolean {
  if (!isObject(value) || !SOURCE_KINDS.includes(value.kind) || !isText(value.name)) return false;
  for (const part in value) if (!SOURCE_PARTS.has(part) || !isText(value[part])) return false;
  return true;
}

const FITS: Record<keyof typeof properties, (value: unknown) => boolean> = {
  eventId: isText,
  sessionId: isText,
  type: isText,
  namespace: isText,
  occurredAt: (value) => (isText(value) ? parseRfc3339(value as string) !== undefined : typeof value === 'number'),
  userId: isText,
  anonymousId: isText,
  machineId: isText,
  platform: (value) => PLATFORMS.includes(value),
  source: isSource,
  target: isText,
  page: isText,
  referrer: isText,
  userAgent: isText,
  value: (value) => typeof value === 'number',
  seq: Number.isSafeInteger,
  context: isObject,
};
/** Of each field, whether PostgreSQL's column for it can hold a value; limits of length are not judged again. */
const FIELDS: ReadonlyMap<string, (value: unknown) => boolean> = new Map(Object.entries(FITS));

/**
 * Reads a record that was judged at the door. It was acknowledged, so nothing is judged again: fields that this version
 * does not know, or whose values no longer fit, are kept in `context._unknown` (a newer ingest wrote them).
 * @param escaped whether the JSON text had \u escapes: without one no text can hold NUL or half a surrogate pair
 */
export function readLoggedEvent(json: unknown, escaped: boolean): Read | Refused {
  if (!isObject(json) || !isObject(json.event)) return refused(0, 'the value is not an event with its envelope');
  const { project, receivedAt, skew = 0 } = json;
  if (!Number.isInteger(project) || (project as number) < 1 || (project as number) > GREATEST_PROJECT)
    return refused(0, '/project is not the number of a project');
  const projectId = project as number;
  const { eventId, sessionId, type } = json.event;
  if (typeof eventId !== 'string' || !isUuid(eventId)) return refused(projectId, '/event/eventId is not a UUID');
  if (typeof sessionId !== 'string') return refused(projectId, '/event/sessionId is not a text', { eventId });
  if (typeof type !== 'string') return refused(projectId, '/event/type is not a text', { eventId, sessionId });
  if (
    typeof receivedAt !== 'number' ||
    typeof skew !== 'number' ||
    !Number.isSafeInteger(Math.trunc(receivedAt + skew))
  ) {
    return refused(projectId, '/receivedAt or /skew is not a number of ms', { eventId, sessionId });
  }
  const event = keepUnknown(json.event);
  if (escaped && !isStorable(event)) {
    return {
      projectId,
      event: { eventId },
      refused: { code: 'contains_nul', detail: 'a text holds NUL or half of a surrogate pair, which cannot be stored' },
    };
  }
  return { projectId, event, receivedMs: Math.trunc(receivedAt), skewMs: Math.trunc(skew) };
}

function refused(projectId: number, detail: string, event?: Partial<IdentifiedEvent>): Refused {
  return { projectId, ...(event && { event }), refused: { code: 'unreadable', detail } };
}

function keepUnknown(given: Record<string, unknown>): IdentifiedEvent {
  let odd: string[] | undefined;
  // By hand, as the rest of the way of every event into its row: no list of entries for each.
  for (const name in given) {
    if (!FIELDS.get(name)?.(given[name])) {
      odd ??= [];
      odd.push(name);
    }
  }
  if (odd === undefined) return given as unknown as IdentifiedEvent;
  const event = { ...given };
  for (const name of odd) delete event[name];
  const _unknown = Object.fromEntries(odd.map((name) => [name, given[name]]));
  event.context = { ...(isObject(event.context) && event.context), _unknown };
  return event as unknown as IdentifiedEvent;
}

function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return !value.includes('\0') && value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, member]) => isStorable(name) && isStorable(member));
}
