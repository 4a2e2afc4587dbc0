import { eventSchema } from './event-schema.ts';
import { TOPICS } from './topics.ts';

/** What a schema registry holds for the values of a topic. */
export interface RegistrySubject {
  /** By the registry's usual rule: the topic's name, and `-value`. */
  name: string;
  /** JSON Schema as text, in one form: the registry knows a schema by its text. */
  schema: string;
}

/**
 * A reader must take what any schema before it let through. Objects are closed (`additionalProperties: false`), so that
 * a field more is such a change; in an open one the registry would refuse it, as the field may have been in use.
 */
export const REGISTRY_COMPATIBILITY = 'BACKWARD_TRANSITIVE';

/** `wayline.direct-value`: one event a record, as services write it. */
export function directSubject(): RegistrySubject {
  return { name: `${TOPICS.direct}-value`, schema: JSON.stringify({ $schema: DRAFT, ...registeredEvent() }) };
}

/** `wayline.events-value`: what ingest makes of an event; for those who look at the topic from outside. */
export function eventsSubject(): RegistrySubject {
  const { $id: _, ...event } = registeredEvent();
  const schema = {
    $schema: DRAFT,
    $id: 'urn:wayline:logged-event:1',
    title: 'WaylineLoggedEvent',
    description: 'An event that was judged at the door, with what the door adds. Written by Wayline alone.',
    type: 'object',
    additionalProperties: false,
    required: ['project', 'receivedAt', 'event'],
    properties: {
      project: { type: 'integer', minimum: 1, description: 'Number of the project.' },
      receivedAt: { type: 'integer', description: "When the request's head arrived, epoch ms." },
      skew: { type: 'integer', description: 'receivedAt − sentAt, ms; absent where the clocks agree.' },
      event: { ...event, required: ['eventId', ...event.required] },
    },
  };
  return { name: `${TOPICS.events}-value`, schema: JSON.stringify(schema) };
}

const DRAFT = 'http://json-schema.org/draft-07/schema#';
const UUID_PATTERN = '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$';

/**
 * The event for clients of a registry, which may know less than ours: as of draft-07, which all of them read, and without
 * `format`, at which some stop that have no formats loaded, and without lists of types, of which some warn. Nothing in it means another thing in a later draft.
 */
function registeredEvent() {
  const { $schema: _, ...event } = eventSchema;
  const { description } = event.properties.occurredAt;
  const { format: _format, ...eventId } = event.properties.eventId;
  return {
    ...event,
    properties: {
      ...event.properties,
      eventId: { ...eventId, pattern: UUID_PATTERN },
      occurredAt: { description, anyOf: [{ type: 'string' }, { type: 'number' }] },
    },
  };
}
