import type { Completeness } from '../api.ts';
import { counted, dateTime } from '../formats.ts';

/** Says so where an answer is not up to date, and nothing where it is. */
export function CompleteThrough({ completeThrough, completeThroughReason, lagging = [] }: Completeness) {
  if (completeThrough === null) return <p className="notice">{completeThroughReason}</p>;
  const records = lagging.reduce((sum, partition) => sum + partition.records, 0);
  if (records === 0) return null;
  return (
    <p className="notice" role="status">
      Complete through {dateTime(completeThrough)}: {counted(records, 'record')} of{' '}
      {counted(lagging.length, 'partition')} not stored yet, at most.
    </p>
  );
}
