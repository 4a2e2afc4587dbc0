import { eventSchema } from '../event-schema.ts';
import type { Area, Parameter } from './operation.ts';
import { LISTS } from './problem-answers.ts';
import { flag, object, orNull, ref } from './schemas.ts';

const { properties } = eventSchema;
const name = properties.source.properties.name.maxLength;

const filter = (given: string, description: string, maxLength: number): Parameter => ({
  name: given,
  description,
  schema: { type: 'string', maxLength },
});

/** Events as they are stored. */
export const tail: Area = {
  name: 'Live tail',
  description: 'Events as they are stored, by Server-Sent Events.',
  roles: ['query'],
  schemas: {
    TailEvent: {
      description: 'What is sent without a name: an event. Its `id` says where the tail is.',
      ...ref('StoredEvent'),
    },
    TailSkipped: {
      description: 'What is sent as `skipped`: there were more events than a reader gets.',
      ...object({
        events: orNull({ type: 'integer', minimum: 0 }, 'How many; null where it cannot be told.'),
        atMost: flag('Whether some of them may be of others.'),
      }),
    },
    TailBye: {
      description:
        'What is sent as `bye`, before the server ends it: `slow_reader`, where too little was taken; `unauthenticated`, where the token has expired; `not_ready`, where the server stops.',
      ...ref('Problem'),
    },
  },
  operations: [
    {
      id: 'followTail',
      method: 'get',
      path: '/v1/tail',
      scope: 'read',
      summary: 'Follow events as they are stored',
      description:
        'The answer does not end by itself. Whoever comes back says the last `id`, as `Last-Event-ID` or `after`, and gets what came meanwhile.',
      query: [
        filter('sessionId', 'Of this session.', properties.sessionId.maxLength),
        filter('userId', 'Of this user: `userId`, or `anonymousId`.', properties.userId.maxLength),
        filter('machineId', 'Of this machine.', properties.machineId.maxLength),
        filter('type', 'Of this type.', properties.type.maxLength),
        filter('namespace', 'Of this namespace.', properties.namespace.maxLength),
        filter('app', 'Of this app; not beside `microservice`.', name),
        filter('microservice', 'Of this microservice.', name),
        { name: 'after', description: 'The last `id` that was read.', schema: { type: 'string' } },
      ],
      headers: [{ name: 'Last-Event-ID', description: 'As `after`, and before it.', schema: { type: 'string' } }],
      success: {
        200: {
          description: '`TailEvent`, `TailSkipped` and `TailBye` as they come.',
          content: { 'text/event-stream': { type: 'string' } },
        },
      },
      problems: LISTS,
      example: { query: { type: 'pageVisit' } },
    },
  ],
};
