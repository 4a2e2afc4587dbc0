import { type LedgerHour, ledgerHours } from '@wayline/store';
import { completenessFields, type Door, type Sources } from './door.ts';
import { isoTime } from './iso-time.ts';

/** What became of the records of the log, by its hours; `unattributed` are those whose project cannot be told. */
export function ledgerDoor(sources: Sources): Door {
  return async ({ projectId, parameters, signal }) => {
    const range = parameters.range();
    const complete = await sources.completenessNow();
    const { hours, unattributed } = await sources.read((reader) => ledgerHours(reader, projectId, range), signal);
    return {
      body: {
        hours: hours.map(told),
        unattributed: unattributed.map(told),
        pending: complete.pending,
        ...completenessFields(complete),
      },
    };
  };
}

function told({ hourMs, ...counts }: LedgerHour): object {
  const { read, stored, duplicate, deadLettered, erased } = counts;
  return { hour: isoTime(hourMs), ...counts, balanced: read === stored + duplicate + deadLettered + erased };
}
