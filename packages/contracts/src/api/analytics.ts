import { COMPLETE_HEADER, complete, nextCursor } from './complete.ts';
import type { Area, Operation, Parameter } from './operation.ts';
import { PAGE, RANGE } from './parameters.ts';
import { LISTS, READS } from './problem-answers.ts';
import { SAMPLE } from './samples.ts';
import { count, flag, list, object, only, orNull, ref, text, time } from './schemas.ts';
import { EMPTY } from './series.ts';

const reads: Pick<Operation, 'method' | 'scope'> = { method: 'get', scope: 'aggregation' };

const milliseconds = (description: string) => ({ type: 'integer', minimum: 0, description });

/** Counts over all sessions. */
export const analytics: Area = {
  name: 'Analytics',
  description: 'Counts by hour, users of all time, and the graph of apps.',
  roles: ['query'],
  schemas: {
    Hour: object({
      hour: time('Its beginning, by corrected time.'),
      uniqueUsers: count('Users of any type of event: `userId`, else `anonymousId`.'),
      clicks: count(),
      impressions: count(),
      events: count(),
    }),
    Metrics: {
      ...object({
        timestamp: time('When they were counted.'),
        uniqueUsers: count(),
        uniqueUsersWithObjectInView: count('Those who saw an object (`objectInView`).'),
      }),
      description: 'Users of all time, of the project.',
    },
    AppNode: object({
      app: text(),
      sessions: count('Sessions that came to it.'),
      entries: count('Visits with which a session began.'),
      hopsIn: count(),
      hopsOut: count(),
      exits: count('Visits that were the last of their session, so far.'),
      dropOff: orNull({ type: 'number' }, 'Exits by visits; null where there were none.'),
      returns: count('Visits by sessions that had been there before.'),
    }),
    AppEdge: object(
      {
        from: text(),
        to: text(),
        sessions: count('Sessions that made the hop.'),
        hops: count(),
        share: { type: 'number', description: 'Of all hops out of `from`.' },
        loops: count('Hops back to where the session had come from: a → b → a.'),
      },
      {
        p50Ms: milliseconds('How long `from` was visited before the hop: half of the hops took no longer.'),
        p95Ms: milliseconds('The same of 95 %.'),
      },
    ),
  },
  operations: [
    {
      ...reads,
      id: 'readHourly',
      path: '/v1/analytics/hourly',
      summary: 'Users, clicks and impressions by hour',
      description: 'Of the whole hours that the range touches, UTC. An end that is open is where the events end.',
      query: [...RANGE, EMPTY],
      success: { 200: { description: 'The hours, in order.', schema: complete({ hours: list(ref('Hour')) }) } },
      problems: READS,
      example: { query: { from: SAMPLE.from, to: SAMPLE.to } },
    },
    {
      ...reads,
      id: 'readLatestMetrics',
      path: '/v1/metrics/latest',
      summary: 'Users of all time, as counted in the last minute',
      success: { 200: { description: 'The counts.', schema: ref('Metrics') } },
      problems: [...READS, 'no_data'],
    },
    {
      ...reads,
      id: 'readMetricsHistory',
      path: '/v1/metrics/history',
      summary: 'Users of all time, by minute',
      query: [...RANGE, ...PAGE],
      success: {
        200: {
          description: 'A page of them, the oldest first.',
          schema: complete({ metrics: list(ref('Metrics')), nextCursor }),
        },
      },
      problems: LISTS,
      example: { query: { from: SAMPLE.from, to: SAMPLE.to } },
    },
    {
      ...reads,
      id: 'readAppGraph',
      path: '/v1/navigation',
      summary: 'From which app to which sessions went',
      query: RANGE,
      success: {
        200: {
          description: 'The graph: the most visited apps, and the most frequent hops, first.',
          schema: complete(
            { nodes: list(ref('AppNode')), edges: list(ref('AppEdge')) },
            { truncated: flag('There are more apps, or hops, than are told.') },
          ),
        },
      },
      problems: READS,
      example: { query: { from: SAMPLE.from, to: SAMPLE.to } },
    },
  ],
};

const looseTime = (name: string, description: string): Parameter => ({
  name,
  description: `${description} Epoch seconds or milliseconds, or RFC 3339.`,
  schema: { type: ['string', 'number'] },
});

/** The forms in which the predecessors were read. */
export const predecessorReads: Area = {
  name: "Predecessors' forms: reading",
  description: 'As the predecessors answered.',
  roles: ['query'],
  operations: [
    {
      ...reads,
      id: 'readHourOfPredecessor',
      path: '/analytics',
      summary: 'Users, clicks and impressions of an hour',
      query: [{ ...looseTime('timestamp', 'A time in the hour.'), required: true }],
      success: {
        200: {
          description: 'Lines `unique_users,N`, `clicks,N` and `impressions,N`; or JSON, where `Accept` asks for it.',
          content: {
            'text/plain': { type: 'string' },
            'application/json': object({ uniqueUsers: count(), clicks: count(), impressions: count() }),
          },
          headers: COMPLETE_HEADER,
        },
      },
      problems: READS,
      example: { query: { timestamp: SAMPLE.seconds } },
    },
    {
      ...reads,
      id: 'readLatestMetricsOfPredecessor',
      path: '/metrics/latest',
      summary: 'Users of all time, as counted in the last minute',
      success: {
        200: { description: 'The counts.', schema: ref('Metrics') },
        503: { description: 'There are none yet.', schema: object({ message: only('No data available') }) },
      },
      problems: READS,
    },
    {
      ...reads,
      id: 'readMetricsHistoryOfPredecessor',
      path: '/metrics/history',
      summary: 'Users of all time, by minute',
      query: [looseTime('from', 'From then on.'), looseTime('to', 'Before then.')],
      success: {
        200: { description: 'All of them, the oldest first.', schema: list(ref('Metrics')), headers: COMPLETE_HEADER },
      },
      problems: READS,
      example: { query: { from: SAMPLE.from, to: SAMPLE.to } },
    },
  ],
};
