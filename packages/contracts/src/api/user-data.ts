import { EXPORT_HEADERS } from './exports.ts';
import type { Area, Schema } from './operation.ts';
import { READS } from './problem-answers.ts';
import { count, object, only, orNull, ref, text, time } from './schemas.ts';
import { PLACE, traceSchemas } from './traces.ts';

/** A line of an export: what a schema among ours has, and its kind. */
function lineOf(kind: string, name: keyof typeof traceSchemas & string): Schema {
  const schema = traceSchemas[name] as { required: string[]; properties: Record<string, Schema> };
  const { required, properties } = schema;
  return { ...schema, required: ['kind', ...required], properties: { kind: only(kind), ...properties } };
}

/** All data of a user. */
export const userData: Area = {
  name: 'User data',
  description: 'All that is stored of a user (a `userId` or an `anonymousId`), told or erased.',
  roles: ['query'],
  schemas: {
    ExportedEvent: lineOf('event', 'StoredEvent'),
    ExportedSession: lineOf('session', 'SessionSummary'),
    ExportedDeadLetter: object(
      { kind: only('deadLetter'), reason: text('The code.'), detail: text(), at: time('By the log.'), ...PLACE },
      {
        value: orNull(text(), 'The record, where it is UTF-8.'),
        valueBase64: text('The record, where it is not.'),
        replay: text('What it was replayed as.'),
      },
    ),
  },
  operations: [
    {
      id: 'exportUser',
      method: 'get',
      path: '/v1/users/{id}/export',
      scope: 'admin',
      summary: 'All that is stored of a user',
      success: {
        200: {
          description: 'A line for each event, session and dead letter. A list that breaks off is not whole.',
          content: {
            'application/x-ndjson': {
              oneOf: [ref('ExportedEvent'), ref('ExportedSession'), ref('ExportedDeadLetter')],
            },
          },
          headers: EXPORT_HEADERS,
        },
      },
      problems: READS,
      example: { path: { id: 'u-8' } },
    },
    {
      id: 'eraseUser',
      method: 'delete',
      path: '/v1/users/{id}',
      scope: 'admin',
      summary: 'Erase the data of a user',
      description:
        'What is read later of the erased time is dropped, too. Who goes away ends it early; the same request goes on from there.',
      query: [
        {
          name: 'before',
          description: 'Only what was received before then: RFC 3339, or epoch milliseconds. Default: all up to now.',
          schema: { type: 'string' },
        },
      ],
      success: {
        200: {
          description: 'How much it was.',
          schema: object({
            before: time('What was received before then is erased.'),
            events: count(),
            sessionsRemoved: count(),
            sessionsRecomputed: count(),
            deadLetters: count(),
            uniques: count('Rows that told in which hours, or that at all, the user was seen.'),
          }),
        },
      },
      problems: READS,
      example: { path: { id: 'u-8' } },
    },
  ],
};
