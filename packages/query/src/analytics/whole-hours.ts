import { ProblemError } from '@wayline/contracts';
import type { Parameters } from '../parameters.ts';

export const HOUR_MS = 3_600_000;
const DEFAULT_HOURS = 24;
/** A year of 366 days, in one answer. */
export const MAX_HOURS = 366 * 24;

export const hourOf = (ms: number): number => Math.floor(ms / HOUR_MS) * HOUR_MS;

/**
 * The whole hours that `from` and `to` touch, [fromMs, toMs) in epoch ms. Without `to` through the current hour; without
 * `from` the 24 hours before.
 * @throws ProblemError where they are too many
 */
export function wholeHours(parameters: Parameters, nowMs: number): { fromMs: number; toMs: number } {
  const { fromMs: from, toMs: to } = parameters.range();
  const toMs = to === undefined ? hourOf(Math.max(nowMs, from ?? nowMs)) + HOUR_MS : Math.ceil(to / HOUR_MS) * HOUR_MS;
  if (from === undefined) return { fromMs: toMs - DEFAULT_HOURS * HOUR_MS, toMs };
  const fromMs = hourOf(from);
  if (from === to) return { fromMs, toMs: fromMs };
  const hours = (toMs - fromMs) / HOUR_MS;
  if (hours <= MAX_HOURS) return { fromMs, toMs };
  throw new ProblemError(
    'invalid_request',
    `From \`from\` to \`to\` there are ${hours} hours; one answer has at most ${MAX_HOURS}, a year: ask for it in parts.`,
  );
}
