import { complete } from './complete.ts';
import type { Area } from './operation.ts';
import { RANGE } from './parameters.ts';
import { READS } from './problem-answers.ts';
import { SAMPLE } from './samples.ts';
import { count, flag, list, object, orNull, ref, time } from './schemas.ts';

/** What became of all records of the log. */
export const ledger: Area = {
  name: 'Ledger',
  description: 'What became of every record that the log took.',
  roles: ['query'],
  schemas: {
    LedgerHour: object({
      hour: time('Its beginning, by the time of the log.'),
      read: count(),
      stored: count(),
      duplicate: count(),
      deadLettered: count(),
      erased: count(),
      expired: count('Deleted by the log before they were read; beside the sum.'),
      removed: count('Stored once, and gone since by retention or erasure.'),
      balanced: flag('Whether read = stored + duplicate + deadLettered + erased.'),
    }),
  },
  operations: [
    {
      id: 'readLedger',
      method: 'get',
      path: '/v1/ledger',
      scope: 'admin',
      summary: 'The ledger, by hours of the log',
      query: RANGE,
      success: {
        200: {
          description: 'The hours that the range touches.',
          schema: complete({
            hours: list(ref('LedgerHour')),
            unattributed: list(ref('LedgerHour'), 'Records whose project cannot be told.'),
            pending: orNull(
              count(),
              'Records of all projects not stored yet, at most; null where the log could not be asked.',
            ),
          }),
        },
      },
      problems: READS,
      example: { query: { from: SAMPLE.from, to: SAMPLE.to } },
    },
  ],
};
