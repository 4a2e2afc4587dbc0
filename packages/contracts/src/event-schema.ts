import { LIMITS } from './limits.ts';

/**
 * The event, as JSON Schema (draft 2020-12): the single source of the validators, the TypeScript types, the registry's
 * subject and the API description. String lengths count Unicode code points. What JSON Schema cannot say (bytes of
 * `context`, NUL, lone surrogates, depth, numbers beyond a double, the time window) is in `validate-event.ts`.
 */
export const eventSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:wayline:event:1',
  title: 'WaylineEvent',
  description: 'Something that happened in a session, reported by an app, a machine or a microservice.',
  type: 'object',
  additionalProperties: false,
  required: ['sessionId', 'type'],
  properties: {
    eventId: {
      description: "The sender's id, for retries; a UUIDv7 is best. The API assigns one when it is absent.",
      type: 'string',
      format: 'uuid',
    },
    sessionId: { description: 'The session; the key of the log.', type: 'string', minLength: 1, maxLength: 256 },
    type: {
      description: 'What happened: pageVisit, objectInView, click, serviceCall, any name.',
      type: 'string',
      minLength: 1,
      maxLength: 256,
    },
    namespace: {
      description: 'Groups names, e.g. frontend or server-1. Default: default.',
      type: 'string',
      minLength: 1,
      maxLength: 128,
    },
    occurredAt: {
      description: "The sender's time: RFC 3339, or epoch milliseconds.",
      type: ['string', 'number'],
      format: 'date-time',
    },
    userId: { description: 'Opaque; never an e-mail address or a name.', type: 'string', maxLength: 256 },
    anonymousId: { description: 'Opaque id of a visitor not yet known.', type: 'string', maxLength: 256 },
    machineId: { description: 'The machine that the event comes from.', type: 'string', maxLength: 256 },
    platform: { type: 'string', enum: ['web', 'mobile', 'desktop', 'embedded', 'server'] },
    source: {
      description: 'Who reports.',
      type: 'object',
      additionalProperties: false,
      required: ['kind', 'name'],
      properties: {
        kind: { type: 'string', enum: ['app', 'microservice'] },
        name: { type: 'string', maxLength: 128 },
        version: { type: 'string', maxLength: 64 },
        instance: { type: 'string', maxLength: 64 },
      },
    },
    target: { description: 'Object seen or touched, operation called.', type: 'string', maxLength: 512 },
    page: { type: 'string', maxLength: 2048 },
    referrer: { type: 'string', maxLength: 2048 },
    userAgent: { type: 'string', maxLength: 512 },
    value: { description: 'A finite number, for series.', type: 'number' },
    seq: {
      description: 'The counter of this source instance within the session; gaps are shown.',
      type: 'integer',
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
    },
    context: { description: `Anything else; at most ${LIMITS.contextBytes} bytes as JSON.`, type: 'object' },
  },
} as const;
