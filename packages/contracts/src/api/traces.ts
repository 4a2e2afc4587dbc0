import { eventSchema } from '../event-schema.ts';
import { complete, nextCursor } from './complete.ts';
import { SAMPLE_EVENT_ID } from './events.ts';
import type { Area, Operation, Schema } from './operation.ts';
import { PAGE, RANGE } from './parameters.ts';
import { LISTS, READS } from './problem-answers.ts';
import { count, flag, integer, list, object, oneOf, only, orNull, ref, text, time, uuid } from './schemas.ts';

const { eventId, sessionId, type, namespace, occurredAt: _sent, source: _source, ...others } = eventSchema.properties;

const reads: Pick<Operation, 'method' | 'scope'> = { method: 'get', scope: 'read' };

/** Where in the log a record stands. */
export const PLACE = {
  topic: text(),
  partition: integer(),
  offset: integer(),
  logId: text('Which log it was.'),
};

const STORED_PLACE = Object.fromEntries(
  Object.entries(PLACE).map(([name, schema]) => [name, orNull(schema)]),
) as typeof PLACE;

export const listedSessions: Schema = complete({ sessions: list(ref('SessionSummary')), nextCursor });
export const SESSION_FILTERS: readonly string[] = ['app', 'microservice', 'type', ...RANGE, ...PAGE];

export const traceSchemas: Readonly<Record<string, Schema>> = {
  StoredEvent: {
    ...object(
      {
        eventId,
        sessionId,
        type,
        namespace,
        occurredAt: time('As it was sent.'),
        correctedAt: time("By Wayline's clock: what lists and ranges go by."),
        receivedAt: time('When the request with it arrived.'),
      },
      {
        skewMs: integer("How far the sender's clock was behind, ms; absent where the clocks agree."),
        source: ref('Source'),
        ...others,
      },
    ),
    description: 'An event as it is stored.',
  },
  SessionSummary: object({
    sessionId: text(),
    previousSessionId: orNull(text(), 'The session that this one continues.'),
    userId: orNull(text()),
    machineId: orNull(text()),
    platform: orNull(text()),
    startedAt: time(),
    endedAt: orNull(time()),
    endReason: orNull(oneOf('ended', 'refreshed', 'idle'), 'Null while it is open.'),
    firstAt: time(),
    lastAt: time(),
    eventCount: count(),
    apps: list(text()),
    microservices: list(text()),
  }),
  Hop: {
    ...object({ from: text(), to: text(), at: time(), page: orNull(text()) }),
    description: 'A step of a user from one app to another.',
  },
  Gap: {
    ...object({
      source: orNull(ref('Source'), 'Who numbers its events; null where they name no source.'),
      after: orNull(count(), 'The last number that is there; null where the first are missing.'),
      before: count('The next number that is there.'),
      missing: count('How many are not.'),
      eventId: uuid('The event with the next number.'),
    }),
    description: 'Numbers (`seq`) of a session that are missing.',
  },
  SourceUse: object({ name: text(), count: count('Events.'), firstAt: time(), lastAt: time() }),
};

/** What happened in sessions, and what became of an event. */
export const traces: Area = {
  name: 'Traces',
  description: 'Sessions and their events, read.',
  roles: ['query'],
  schemas: {
    ...traceSchemas,
    StoredFate: object(
      {
        fate: only('stored'),
        storedAt: orNull(time()),
        ...STORED_PLACE,
        event: ref('StoredEvent'),
      },
      { others: count('How many more events have this id, where it was looked: in the session, or around the time.') },
    ),
    DeadLetteredFate: object(
      {
        fate: only('dead-lettered'),
        reason: text('The code.'),
        detail: text(),
        deadLetter: text('Its id, for `/v1/dead-letters/{id}`.'),
        ...PLACE,
        at: time('By the log.'),
      },
      { replayedAt: time(), discardedAt: time() },
    ),
    UnknownFate: complete({ fate: only('unknown') }),
  },
  operations: [
    {
      ...reads,
      id: 'listSessions',
      path: '/v1/sessions',
      summary: 'Sessions, the newest first',
      description: '`from` and `to` select what overlaps; the others, sessions with any such event.',
      query: ['userId', 'machineId', ...SESSION_FILTERS],
      success: { 200: { description: 'A page of sessions.', schema: listedSessions } },
      problems: LISTS,
      example: { query: { userId: 'u-7', limit: 10 } },
    },
    {
      ...reads,
      id: 'readSession',
      path: '/v1/sessions/{id}',
      summary: 'One session',
      success: { 200: { description: 'Its summary.', schema: ref('SessionSummary') } },
      problems: [...READS, 'not_found'],
      example: { path: { id: 's-2' } },
    },
    {
      ...reads,
      id: 'readSessionEvents',
      path: '/v1/sessions/{id}/events',
      summary: 'The events of a session, in its order',
      query: ['type', ...PAGE],
      success: {
        200: {
          description: 'A page of events.',
          schema: object({
            events: list(ref('StoredEvent')),
            gaps: list(ref('Gap'), 'Before the events of the page.'),
            nextCursor,
          }),
        },
      },
      problems: [...LISTS, 'not_found'],
      example: { path: { id: 's-2' } },
    },
    {
      ...reads,
      id: 'readSessionGaps',
      path: '/v1/sessions/{id}/gaps',
      summary: 'Where numbers of a session are missing',
      success: {
        200: {
          description: 'Over all of the session.',
          schema: object(
            { gaps: list(ref('Gap')), missing: count('How many numbers are missing.') },
            { truncated: flag('There are more gaps than are told.') },
          ),
        },
      },
      problems: [...READS, 'not_found'],
      example: { path: { id: 's-2' } },
    },
    {
      ...reads,
      id: 'readSessionNavigation',
      path: '/v1/sessions/{id}/navigation',
      summary: 'From which app to which the user went in a session',
      success: {
        200: {
          description: 'The hops, in order.',
          schema: object({ hops: list(ref('Hop')) }, { truncated: flag('There are more hops than are told.') }),
        },
      },
      problems: [...READS, 'not_found'],
      example: { path: { id: 's-2' } },
    },
    {
      ...reads,
      id: 'readSessionComponents',
      path: '/v1/sessions/{id}/components',
      summary: 'Which apps and microservices a session used',
      success: {
        200: {
          description: 'Both, by first use.',
          schema: object({ apps: list(ref('SourceUse')), microservices: list(ref('SourceUse')) }),
        },
      },
      problems: [...READS, 'not_found'],
      example: { path: { id: 's-2' } },
    },
    {
      ...reads,
      id: 'listUserSessions',
      path: '/v1/users/{id}/sessions',
      summary: 'Sessions of a user, the newest first',
      query: ['machineId', ...SESSION_FILTERS],
      success: { 200: { description: 'A page of sessions.', schema: listedSessions } },
      problems: LISTS,
      example: { path: { id: 'u-7' } },
    },
    {
      ...reads,
      id: 'readEvent',
      path: '/v1/events/{id}',
      summary: 'What became of an event',
      query: [
        'sessionId',
        {
          name: 'at',
          description: 'About when it happened, which narrows the search to a day: RFC 3339, or epoch milliseconds.',
          schema: { type: 'string' },
        },
      ],
      success: {
        200: {
          description: 'It is stored, or a dead letter.',
          schema: { oneOf: [ref('StoredFate'), ref('DeadLetteredFate')] },
        },
        404: { description: 'Nothing is known of it as far as the log was read.', schema: ref('UnknownFate') },
      },
      problems: READS,
      example: { path: { id: SAMPLE_EVENT_ID }, query: { sessionId: 's-2' } },
    },
  ],
};
