import { eventSchema } from './event-schema.ts';

const { sessionId, occurredAt, userId, machineId, platform, source } = eventSchema.properties;
const carried = { userId, machineId, platform, source };

const bodySchema = <Properties extends object>(name: string, properties: Properties) => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: `urn:wayline:${name}:1`,
  type: 'object',
  additionalProperties: false,
  properties,
});

/** The body of `POST /v1/sessions`, and of `/v1/sessions/{id}/refresh`, where `sessionId` names the new session. */
export const sessionStartSchema = bodySchema('session-start', {
  sessionId,
  startedAt: { ...occurredAt, description: 'When the session began, by the sender: RFC 3339, or epoch milliseconds.' },
  ...carried,
});

/** The body of `POST /v1/sessions/{id}/end`. */
export const sessionEndSchema = bodySchema('session-end', {
  endedAt: { ...occurredAt, description: 'When the session ended, by the sender: RFC 3339, or epoch milliseconds.' },
  ...carried,
});
