import type { Area } from './operation.ts';
import { object, oneOf, only } from './schemas.ts';

/** Open to all, and served by every role. */
export const health: Area = {
  name: 'Health',
  description: 'Open; needs no credential.',
  roles: ['ingest', 'query', 'worker'],
  operations: [
    {
      id: 'livez',
      method: 'get',
      path: '/livez',
      summary: 'Whether the process runs',
      success: { 200: { description: 'It does.', schema: object({ status: only('alive') }) } },
      problems: ['overloaded'],
    },
    {
      id: 'readyz',
      method: 'get',
      path: '/readyz',
      summary: 'Whether the process can do its work',
      success: {
        200: {
          description: 'It can.',
          schema: object({
            status: only('ready'),
            checks: {
              type: 'object',
              description: 'What it needs.',
              additionalProperties: oneOf('ok', 'failing', 'failing, within its grace'),
            },
          }),
        },
      },
      problems: ['not_ready', 'internal', 'overloaded'],
    },
    {
      id: 'openapi',
      method: 'get',
      path: '/openapi.json',
      summary: 'This description',
      success: { 200: { description: 'Of what this process serves.', schema: { type: 'object' } } },
      problems: ['not_ready', 'internal', 'overloaded'],
    },
    {
      id: 'docs',
      method: 'get',
      path: '/docs',
      summary: 'A page to try the API at',
      success: {
        200: { description: 'HTML, for people.', content: { 'text/html': { type: 'string' } } },
      },
      problems: ['not_ready', 'internal', 'overloaded'],
    },
  ],
};
