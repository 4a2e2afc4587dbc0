import { SENT_AT } from './events.ts';
import type { Area, Operation, Parameter, Schema } from './operation.ts';
import { WRITES } from './problem-answers.ts';
import { SAMPLE } from './samples.ts';
import { object, oneOf, ref, text, uuid } from './schemas.ts';

const LOOSE_TIME: Schema = { type: ['string', 'number'] };
const USER = '7b0f6f0e-6f0b-4a3e-9c53-3d9f0a1b2c3d';

const shared: Pick<Operation, 'method' | 'scope' | 'headers'> = { method: 'post', scope: 'write', headers: [SENT_AT] };

const bodyOf = (schema: Schema, example: object): Operation['body'] => ({
  required: true,
  description: 'Other members are kept in the `context` of the event.',
  content: {
    'application/json': { schema, examples: { plain: example } },
    'text/plain': { schema: text('JSON, as of `application/json`.'), examples: { plain: JSON.stringify(example) } },
  },
});

const required = (parameter: Omit<Parameter, 'required'>): Parameter => ({ ...parameter, required: true });

const ACTIVE: Pick<Operation, 'success'>['success'][number] = {
  description: 'It is durable.',
  schema: ref('ActiveSession'),
};
const WITH_COOKIE = { ...ACTIVE, headers: { 'Set-Cookie': '`activeSessionId`, for the form `POST /track`.' } };

const USER_BODY = object({ userId: uuid() });

/** The forms in which the predecessors were written to. */
export const predecessorWrites: Area = {
  name: "Predecessors' forms: writing",
  description:
    "The HTTP forms of Wayline's predecessors. Times are seconds, milliseconds or RFC 3339, and UTC without a zone. These forms have no ids: a retry is a new event.",
  roles: ['ingest'],
  schemas: { ActiveSession: object({ userId: text(), activeSessionId: text() }) },
  operations: [
    {
      ...shared,
      id: 'sendClick',
      path: '/analytics',
      summary: 'A click or an impression',
      query: [
        required({ name: 'timestamp', description: 'When it happened.', schema: LOOSE_TIME }),
        required({ name: 'user', description: 'Becomes `userId`.', schema: { type: 'string' } }),
        required({ name: 'event', description: 'Becomes `type`.', schema: oneOf('click', 'impression') }),
      ],
      success: { 204: { description: 'It is durable.' } },
      // A body is read, and not looked at.
      problems: [...WRITES.filter((code) => code !== 'invalid_json'), 'no_valid_events'],
      example: { query: { timestamp: SAMPLE.seconds, user: 'u-7', event: 'click' } },
    },
    {
      ...shared,
      id: 'sendMeasurement',
      path: '/api/track',
      summary: 'A number of a series',
      body: bodyOf(
        object({ namespace: text(), name: text('Becomes `type`.'), timestamp: LOOSE_TIME, value: { type: 'number' } }),
        { namespace: 'frontend', name: 'loadTime', timestamp: SAMPLE.time, value: 142.5 },
      ),
      success: {
        201: {
          description: 'It is durable; the body as it was sent.',
          schema: {
            ...object({ namespace: text(), name: text(), timestamp: LOOSE_TIME, value: { type: 'number' } }),
            additionalProperties: true,
          },
        },
      },
      problems: [...WRITES, 'no_valid_events'],
    },
    {
      ...shared,
      id: 'startUserSession',
      path: '/session',
      summary: 'Begin a session of a user',
      body: bodyOf(USER_BODY, { userId: USER }),
      success: { 201: WITH_COOKIE },
      problems: WRITES,
    },
    {
      ...shared,
      id: 'refreshUserSession',
      path: '/session/refresh',
      summary: 'Continue the session of a user by a new one',
      description: 'The session of the body, else that of the cookie; without one it only begins another.',
      body: bodyOf(object({ userId: uuid() }, { sessionId: text() }), { userId: USER, sessionId: 's-5' }),
      success: { 201: WITH_COOKIE },
      problems: WRITES,
    },
    {
      ...shared,
      id: 'sendAction',
      path: '/track',
      summary: 'An action of a user',
      body: bodyOf(
        object(
          { userId: text(), action: oneOf('pageVisit', 'objectInView', 'objectInteraction') },
          { origin: { type: ['string', 'null'] }, sessionId: { type: ['string', 'null'] } },
        ),
        { userId: USER, action: 'pageVisit', origin: '/cart' },
      ),
      success: { 202: ACTIVE },
      problems: [...WRITES, 'no_valid_events'],
    },
  ],
};
