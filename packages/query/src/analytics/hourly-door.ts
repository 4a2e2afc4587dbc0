import { type HourlyCounts, hourlyCounts, hourlyExtent, type Reader, type TimeRange } from '@wayline/store';
import { completenessFields, type Door, type Sources } from '../door.ts';
import { isoTime } from '../iso-time.ts';
import { HOUR_MS, type Hours, isClosed, wholeHours } from './whole-hours.ts';

export const NOTHING = { uniqueUsers: 0, clicks: 0, impressions: 0, events: 0 };

/** `GET /v1/analytics/hourly`: exact counts by hour of the corrected time, of everything that is stored. */
export function hourlyDoor(sources: Sources): Door {
  return async ({ projectId, parameters, signal }) => {
    const withEmpty = parameters.choice('empty', ['omit', 'include']) === 'include';
    const range = parameters.range();
    if (isClosed(range)) wholeHours(range, range); // refuses before the database is asked for anything
    const complete = await sources.completeness();
    const told = await sources.read(async (reader) => {
      const hours = await hoursOf(reader, projectId, range);
      const found = hours ? await hourlyCounts(reader, { projectId, ...hours }) : [];
      return hours && withEmpty ? filled(found, hours) : found;
    }, signal);
    return {
      body: {
        hours: told.map(({ hourMs, ...counts }) => ({ hour: isoTime(hourMs), ...counts })),
        ...completenessFields(complete),
      },
    };
  };
}

/** An end that is open is where the events end. */
async function hoursOf(reader: Reader, projectId: number, range: TimeRange): Promise<Hours | undefined> {
  const extent = isClosed(range) ? range : await hourlyExtent(reader, projectId);
  return extent && wholeHours(range, extent);
}

function filled(found: readonly HourlyCounts[], { fromMs, toMs }: Hours): HourlyCounts[] {
  const byHour = new Map(found.map((counts) => [counts.hourMs, counts]));
  return Array.from({ length: (toMs - fromMs) / HOUR_MS }, (_, index) => {
    const hourMs = fromMs + index * HOUR_MS;
    return byHour.get(hourMs) ?? { hourMs, ...NOTHING };
  });
}
