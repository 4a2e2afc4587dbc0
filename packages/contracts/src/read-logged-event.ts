import { eventSchema } from './event-schema.ts';
import type { IdentifiedEvent } from './logged-event.ts';
import type { RecordRefusal } from './read-record-value.ts';
import { parseRfc3339 } from './rfc3339.ts';
import { isUuid } from './uuid.ts';

type Refused = { projectId: number; event?: Partial<IdentifiedEvent>; refused: RecordRefusal };
type Read = { projectId: number; event: IdentifiedEvent; receivedMs: number; skewMs: number };

const FIELDS = eventSchema.properties;
const SOURCE_FIELDS = ['kind', 'name', 'version', 'instance'];

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether PostgreSQL's column for a field can hold the value; limits of length are not judged again. */
function fits(name: keyof typeof FIELDS, value: unknown): boolean {
  switch (name) {
    case 'value':
      return typeof value === 'number';
    case 'seq':
      return Number.isSafeInteger(value);
    case 'context':
      return isObject(value);
    case 'platform':
      return (FIELDS.platform.enum as readonly unknown[]).includes(value);
    case 'occurredAt':
      return typeof value === 'string' ? parseRfc3339(value) !== undefined : typeof value === 'number';
    case 'source':
      return (
        isObject(value) &&
        (FIELDS.source.properties.kind.enum as readonly unknown[]).includes(value.kind) &&
        typeof value.name === 'string' &&
        Object.entries(value).every(([part, text]) => SOURCE_FIELDS.includes(part) && typeof text === 'string')
      );
    default:
      return typeof value === 'string';
  }
}

/**
 * Reads a record that was judged at the door. It was acknowledged, so nothing is judged again: fields that this version
 * does not know, or whose values no longer fit, are kept in `context._unknown` (a newer ingest wrote them).
 * @param escaped whether the JSON text had \u escapes: without one no text can hold NUL or half a surrogate pair
 */
export function readLoggedEvent(json: unknown, escaped: boolean): Read | Refused {
  const refused = (projectId: number, detail: string, event?: Partial<IdentifiedEvent>): Refused => ({
    projectId,
    ...(event && { event }),
    refused: { code: 'unreadable', detail },
  });
  if (!isObject(json) || !isObject(json.event)) return refused(0, 'the value is not an event with its envelope');
  const { project, receivedAt, skew = 0 } = json;
  if (!Number.isInteger(project) || (project as number) < 1)
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

function keepUnknown(given: Record<string, unknown>): IdentifiedEvent {
  const odd = Object.entries(given).filter(
    ([name, value]) => !Object.hasOwn(FIELDS, name) || !fits(name as keyof typeof FIELDS, value),
  );
  if (odd.length === 0) return given as unknown as IdentifiedEvent;
  const event = { ...given };
  for (const [name] of odd) delete event[name];
  event.context = { ...(isObject(event.context) && event.context), _unknown: Object.fromEntries(odd) };
  return event as unknown as IdentifiedEvent;
}

function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return !value.includes('\0') && value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, member]) => isStorable(name) && isStorable(member));
}
