import type { Schema } from './operation.ts';
import { count, integer, list, object, orNull, ref, text, time } from './schemas.ts';

export const completenessSchemas: Readonly<Record<string, Schema>> = {
  Laggard: {
    ...object({ topic: text(), partition: integer(), records: count('How many are not stored yet.') }),
    description: 'A partition of the log with records that are not stored yet.',
  },
};

/** An answer over a time range: it tells how complete it is. */
export const complete = (
  required: Readonly<Record<string, Schema>>,
  optional: Readonly<Record<string, Schema>> = {},
): Schema =>
  object(
    {
      ...required,
      completeThrough: orNull(
        time(),
        'All that the log took before then is in the answer; null where the log could not be asked.',
      ),
    },
    {
      ...optional,
      completeThroughReason: text('Why `completeThrough` is null.'),
      lagging: list(ref('Laggard'), 'Partitions that are behind; absent where the log could not be asked.'),
    },
  );

export const nextCursor = orNull(text(), 'For the next page; null on the last.');

/** Of answers whose form has no place for it. */
export const COMPLETE_HEADER = {
  'Wayline-Complete-Through': 'As `completeThrough` elsewhere; absent where the log could not be asked.',
};
