import { eventSchema } from '../event-schema.ts';
import { LIMITS } from '../limits.ts';
import type { Parameter, Schema } from './operation.ts';

const { properties } = eventSchema;

const moment = (description: string): { description: string; schema: Schema } => ({
  description: `${description} RFC 3339, or epoch milliseconds.`,
  schema: { type: 'string' },
});

const name = (description: string, maxLength: number) => ({ description, schema: { type: 'string', maxLength } });

const TABLE = {
  from: moment('From then on, inclusive.'),
  to: moment('Before then.'),
  limit: {
    description: 'How many at most.',
    schema: { type: 'integer', minimum: 1, maximum: LIMITS.listMax, default: LIMITS.listDefault },
  },
  cursor: {
    description: '`nextCursor` of the page before, with the same filters.',
    schema: { type: 'string' },
  },
  userId: name('Sessions of this user.', properties.userId.maxLength),
  machineId: name('Sessions with an event of this machine.', properties.machineId.maxLength),
  sessionId: name('Of this session.', properties.sessionId.maxLength),
  app: name('Sessions with an event of this app.', properties.source.properties.name.maxLength),
  microservice: name('Sessions with an event of this microservice.', properties.source.properties.name.maxLength),
  type: name('With, or of, this type.', properties.type.maxLength),
} satisfies Record<string, Omit<Parameter, 'name'>>;

/** The parameters of the query string that several operations have, by name. */
export const PARAMETERS: Readonly<Record<string, Omit<Parameter, 'name'>>> = TABLE;

export const RANGE: readonly string[] = ['from', 'to'];
export const PAGE: readonly string[] = ['limit', 'cursor'];

/** What stands in addresses. */
export const PATH_PARAMETERS: Readonly<Record<string, { description: string; schema: Schema }>> = {
  id: { description: 'The id of what the address names.', schema: { type: 'string', minLength: 1 } },
  eventId: { description: 'The id of the event.', schema: { type: 'string', format: 'uuid' } },
  namespace: name('The namespace of the events.', properties.namespace.maxLength),
  type: name('The type of the events.', properties.type.maxLength),
  name: name('The type of the events.', properties.type.maxLength),
};
