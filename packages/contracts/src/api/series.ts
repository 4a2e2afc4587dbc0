import { COMPLETE_HEADER, complete } from './complete.ts';
import type { Area, Operation, Parameter } from './operation.ts';
import { RANGE } from './parameters.ts';
import { READS } from './problem-answers.ts';
import { SAMPLE } from './samples.ts';
import { count, list, object, oneOf, orNull, ref, text, time } from './schemas.ts';

const GRANULARITY: Parameter = {
  name: 'granularity',
  description: 'What is taken together, in UTC; weeks by ISO, `none` is all.',
  schema: { ...oneOf('minute', 'hour', 'day', 'week', 'month', 'year', 'none'), default: 'none' },
};

/** Of lists of groups. */
export const EMPTY: Parameter = {
  name: 'empty',
  description: 'Whether those in which there is nothing are told, too.',
  schema: { ...oneOf('omit', 'include'), default: 'omit' },
};

const reads: Pick<Operation, 'method' | 'scope'> = { method: 'get', scope: 'aggregation' };

/** Numbers over time. */
export const series: Area = {
  name: 'Series',
  description: 'What was counted, or measured by `value`, over time.',
  roles: ['query'],
  schemas: {
    Point: {
      ...object({
        at: time('The lowest corrected time in the group; of an empty group, its beginning.'),
        value: { type: ['number', 'null'], description: 'Null where an empty group has none.' },
        count: count('Events with a `value`; all of them where they are counted.'),
      }),
      description: 'A group of a series.',
    },
  },
  operations: [
    {
      ...reads,
      id: 'readSeries',
      path: '/v1/series/{namespace}/{type}',
      summary: 'A series, by minute to year',
      query: [
        ...RANGE,
        GRANULARITY,
        {
          name: 'aggregation',
          description: 'What is told of each group.',
          schema: { ...oneOf('avg', 'max', 'min', 'sum', 'count', 'p50', 'p95', 'p99'), default: 'avg' },
        },
        EMPTY,
      ],
      success: { 200: { description: 'The groups, in order.', schema: complete({ points: list(ref('Point')) }) } },
      problems: [...READS, 'events_expired'],
      example: {
        path: { namespace: 'default', type: 'pageVisit' },
        query: { from: SAMPLE.from, to: SAMPLE.to, granularity: 'hour', aggregation: 'avg' },
      },
    },
    {
      ...reads,
      id: 'readPredecessorSeries',
      path: '/api/events/{namespace}/{name}',
      summary: "A series, in a predecessor's form",
      query: [
        ...[
          { name: 'tsMin', description: 'From then on: epoch seconds, or milliseconds.' },
          { name: 'tsMax', description: 'Through then: epoch seconds, or milliseconds.' },
        ].map((bound): Parameter => ({ ...bound, schema: { type: 'number' } })),
        GRANULARITY,
        {
          name: 'aggregationType',
          description: 'What is told of each group.',
          schema: { ...oneOf('max', 'min', 'avg'), default: 'avg' },
        },
      ],
      success: {
        200: {
          description: 'The groups, in order.',
          schema: list(
            object({
              aggregatedTimestamp: text('The lowest time in the group, UTC without a zone.'),
              value: orNull({ type: 'number' }),
            }),
          ),
          headers: COMPLETE_HEADER,
        },
      },
      problems: [...READS, 'events_expired'],
      example: {
        path: { namespace: 'frontend', name: 'loadTime' },
        query: { tsMax: SAMPLE.seconds, granularity: 'hour', aggregationType: 'max' },
      },
    },
  ],
};
