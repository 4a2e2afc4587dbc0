import { sessionEndSchema, sessionStartSchema } from '../session-schemas.ts';
import { SENT_AT } from './events.ts';
import type { Area, Operation, Schema } from './operation.ts';
import { WRITES } from './problem-answers.ts';
import { object, ref, text, time } from './schemas.ts';

const bodyOf = ({ $schema: _draft, $id: _id, ...schema }: Schema): Schema => ({
  ...schema,
  properties: { ...(schema.properties as Record<string, Schema>), source: ref('Source') },
});

const writes: Pick<Operation, 'method' | 'scope' | 'headers' | 'problems'> = {
  method: 'post',
  scope: 'write',
  headers: [SENT_AT],
  problems: WRITES,
};

const body = (schema: string, example: object): Operation['body'] => ({
  required: false,
  content: {
    'application/json': { schema: ref(schema), examples: { plain: example } },
    'text/plain': { schema: text('JSON, as of `application/json`.'), examples: { plain: JSON.stringify(example) } },
  },
});

/** Beginning and ending sessions. */
export const sessions: Area = {
  name: 'Sessions',
  description:
    'Beginning, refreshing and ending sessions: each logs ordinary events. A session need not be begun; its first event makes it.',
  roles: ['ingest'],
  schemas: { SessionStart: bodyOf(sessionStartSchema), SessionEnd: bodyOf(sessionEndSchema) },
  operations: [
    {
      ...writes,
      id: 'startSession',
      path: '/v1/sessions',
      summary: 'Begin a session',
      description: 'Logs `sessionStarted`. Without a `sessionId` one is made.',
      body: body('SessionStart', { sessionId: 's-3', userId: 'u-7', platform: 'web' }),
      success: {
        201: {
          description: 'It is begun, and durable.',
          schema: object({ sessionId: text(), startedAt: time() }),
        },
      },
    },
    {
      ...writes,
      id: 'refreshSession',
      path: '/v1/sessions/{id}/refresh',
      summary: 'Continue a session by a new one',
      description:
        'Logs `sessionEnded` (`refreshed`) of the session in the address and `sessionStarted` of the new one, whose id the body may say.',
      body: body('SessionStart', { userId: 'u-7' }),
      success: {
        201: {
          description: 'The new session is begun.',
          schema: object({ sessionId: text('The new one.'), previousSessionId: text() }),
        },
      },
      example: { path: { id: 's-2' } },
    },
    {
      ...writes,
      id: 'endSession',
      path: '/v1/sessions/{id}/end',
      summary: 'End a session',
      description: 'Logs `sessionEnded`. Once ended it stays so; later events only count.',
      body: body('SessionEnd', { userId: 'u-7' }),
      success: {
        202: { description: 'The end is durable.', schema: object({ sessionId: text(), endedAt: time() }) },
      },
      example: { path: { id: 's-3' } },
    },
  ],
};
