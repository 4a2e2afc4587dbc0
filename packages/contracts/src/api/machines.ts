import { complete, nextCursor } from './complete.ts';
import type { Area, Operation } from './operation.ts';
import { PAGE, RANGE } from './parameters.ts';
import { LISTS, READS } from './problem-answers.ts';
import { list, ref } from './schemas.ts';
import { listedSessions, SESSION_FILTERS } from './traces.ts';

const reads: Pick<Operation, 'method' | 'scope' | 'example'> = {
  method: 'get',
  scope: 'read',
  example: { path: { id: 'm-3' } },
};

/** What machines did. */
export const machines: Area = {
  name: 'Machines',
  description: 'What machines did, over sessions.',
  roles: ['query'],
  operations: [
    {
      ...reads,
      id: 'listMachineSessions',
      path: '/v1/machines/{id}/sessions',
      summary: 'Sessions that touched a machine, the newest first',
      query: ['userId', ...SESSION_FILTERS],
      success: { 200: { description: 'A page of sessions.', schema: listedSessions } },
      problems: LISTS,
    },
    {
      ...reads,
      id: 'readMachineTimeline',
      path: '/v1/machines/{id}/timeline',
      summary: 'All events of a machine',
      description: "In the order of the machine's own clock, by which `from` and `to` select, too.",
      query: [...RANGE, ...PAGE],
      success: {
        200: { description: 'A page of events.', schema: complete({ events: list(ref('StoredEvent')), nextCursor }) },
      },
      problems: LISTS,
    },
    {
      ...reads,
      id: 'readMachineMicroservices',
      path: '/v1/machines/{id}/microservices',
      summary: 'Which microservices reported for a machine',
      query: RANGE,
      success: {
        200: { description: 'By first use.', schema: complete({ microservices: list(ref('SourceUse')) }) },
      },
      problems: READS,
    },
  ],
};
