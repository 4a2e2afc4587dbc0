import { ProblemError } from '@wayline/contracts';
import type { TimeRange } from '@wayline/store';

/** [fromMs, toMs), epoch ms. */
export interface Hours {
  fromMs: number;
  toMs: number;
}

export const HOUR_MS = 3_600_000;
/** Of one answer, those without events included. */
export const MAX_HOURS = 50_000;

export const hourOf = (ms: number): number => Math.floor(ms / HOUR_MS) * HOUR_MS;

/**
 * The whole hours that a range touches.
 * @param extent where an open end of the range lies
 * @throws ProblemError where they are too many
 */
export function wholeHours({ fromMs: from, toMs: to }: TimeRange, extent: Hours): Hours {
  const fromMs = hourOf(from ?? extent.fromMs);
  // Nothing lies between two times that are the same.
  const toMs = from === to && from !== undefined ? fromMs : Math.ceil((to ?? extent.toMs) / HOUR_MS) * HOUR_MS;
  const hours = (toMs - fromMs) / HOUR_MS;
  if (hours <= MAX_HOURS) return { fromMs, toMs: Math.max(fromMs, toMs) };
  throw new ProblemError(
    'invalid_request',
    `From \`from\` to \`to\` there are ${hours} hours, and an answer holds ${MAX_HOURS}; ask for them in parts.`,
  );
}

/** Whether both ends are said: then nothing needs to be read to know the hours. */
export function isClosed(range: TimeRange): range is Hours {
  return range.fromMs !== undefined && range.toMs !== undefined;
}
