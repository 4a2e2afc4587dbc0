import { ProblemError } from '@wayline/contracts';
import { type HourlyCounts, hourlyCounts } from '@wayline/store';
import { completenessFields, type Door, type Sources } from '../door.ts';
import { isoTime } from '../iso-time.ts';
import type { Parameters } from '../parameters.ts';
import { HOUR_MS, wholeHours } from './whole-hours.ts';

export const NOTHING = { uniqueUsers: 0, clicks: 0, impressions: 0, events: 0 };

/** `GET /v1/analytics/hourly`: exact counts by hour of the corrected time, of everything that is stored. */
export function hourlyDoor(sources: Sources, now: () => number): Door {
  return async ({ projectId, parameters, signal }) => {
    const range = wholeHours(parameters, now());
    const withEmpty = includesEmpty(parameters);
    const complete = await sources.completeness();
    const found = await sources.read((reader) => hourlyCounts(reader, { projectId, ...range }), signal);
    const hours = withEmpty ? filled(found, range) : found;
    return {
      body: {
        hours: hours.map(({ hourMs, ...counts }) => ({ hour: isoTime(hourMs), ...counts })),
        ...completenessFields(complete),
      },
    };
  };
}

function includesEmpty(parameters: Parameters): boolean {
  const empty = parameters.text('empty') ?? 'omit';
  if (empty === 'include' || empty === 'omit') return empty === 'include';
  throw new ProblemError('invalid_request', '`empty` must be `include`, or `omit`, which is the default.');
}

function filled(found: readonly HourlyCounts[], { fromMs, toMs }: { fromMs: number; toMs: number }): HourlyCounts[] {
  const byHour = new Map(found.map((counts) => [counts.hourMs, counts]));
  return Array.from({ length: (toMs - fromMs) / HOUR_MS }, (_, index) => {
    const hourMs = fromMs + index * HOUR_MS;
    return byHour.get(hourMs) ?? { hourMs, ...NOTHING };
  });
}
