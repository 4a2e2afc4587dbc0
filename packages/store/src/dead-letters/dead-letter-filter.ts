import { type TimeRange, timestampOf } from '../queries/timestamps.ts';

/** `open`: nobody has decided yet. A replayed one stays so, though it was discarded before. */
export type DeadLetterState = 'open' | 'replayed' | 'discarded';

export interface DeadLetterFilter {
  /** 0: those whose project cannot be told. */
  projectId: number;
  state?: DeadLetterState | undefined;
  code?: string | undefined;
  topic?: string | undefined;
  /** As `deadLetterCauses` tells it. */
  cause?: string | undefined;
  sessionId?: string | undefined;
  /** By the time of the log. */
  range?: TimeRange;
}

export const STATE = `CASE WHEN replayed_at IS NOT NULL THEN 'replayed' WHEN discarded_at IS NOT NULL THEN 'discarded'
  ELSE 'open' END`;

const STATES: Record<DeadLetterState, string> = {
  open: 'replayed_at IS NULL AND discarded_at IS NULL', // as the index on the open ones says it
  replayed: 'replayed_at IS NOT NULL',
  discarded: 'replayed_at IS NULL AND discarded_at IS NOT NULL',
};

/** What JSON.parse quotes of a text with whatever quotes are in it, what others quote, and UUIDs. */
const NAMES = 'Unexpected token .* is not valid JSON|"[^"]*"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/** Numbers and times, but not within a name, nor of UTF-8. */
const NUMBERS = '([ /(])-?[0-9][0-9.:TZ-]*';

/**
 * The detail without what differs from one dead letter to the next of the same cause. Few and plain expressions: they are
 * applied to every dead letter that is looked through, and took most of the time.
 */
export const CAUSE_DETAIL = `regexp_replace(regexp_replace(detail, '${NAMES}', '…', 'g'), '${NUMBERS}', '\\1N', 'g')`;

/** A short name of a cause, by its code and the expression of its detail: the same in every database. */
export const causeOf = (detail: string): string => `left(md5(code || ' ' || ${detail}), 12)`;
export const CAUSE = causeOf(CAUSE_DETAIL);

/** The filter as a condition on `dead_letters`; its values are added to those given. */
export function deadLetterCondition(filter: DeadLetterFilter, values: unknown[]): string {
  const { projectId, state, code, topic, cause, sessionId, range: { fromMs, toMs } = {} } = filter;
  const place = (value: unknown): string => `$${values.push(value)}`;
  const all = [`project_id = ${place(projectId)}`];
  if (state !== undefined) all.push(STATES[state]);
  if (code !== undefined) all.push(`code = ${place(code)}`);
  if (topic !== undefined) all.push(`topic = ${place(topic)}`);
  if (sessionId !== undefined) all.push(`session_id = ${place(sessionId)}`);
  if (fromMs !== undefined) all.push(`log_time >= ${place(timestampOf(fromMs))}`);
  if (toMs !== undefined) all.push(`log_time < ${place(timestampOf(toMs))}`);
  if (cause !== undefined) all.push(`${CAUSE} = ${place(cause)}`);
  return all.join(' AND ');
}
