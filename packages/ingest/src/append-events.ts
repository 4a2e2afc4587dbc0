import { ProblemError, TOPICS } from '@wayline/contracts';
import { type EventLog, LogUnavailableError, type NewRecord, RecordTooLargeError } from '@wayline/event-log';

const AGAIN = 'nothing of this request was acknowledged, send it again.';

/**
 * Resolves when the records are durable; a `ProblemError` with `Retry-After` where the log cannot take them, and one that no
 * retry helps with where it never will: an operator may have lowered the limit of its topic.
 */
export function appendEvents(log: EventLog, records: readonly NewRecord[]): Promise<void> {
  // Not `async`, which would keep the records until they are durable.
  return log.append(TOPICS.events, records).catch(tellUnavailable);
}

function tellUnavailable(error: unknown): never {
  if (error instanceof RecordTooLargeError) {
    const detail = 'The event log does not take an event, or a request, of this size; nothing of it was acknowledged.';
    throw new ProblemError('body_too_large', detail);
  }
  if (!(error instanceof LogUnavailableError)) throw error;
  throw error.reason === 'busy'
    ? new ProblemError('overloaded', `Too much is being written; ${AGAIN}`, { retryAfterSeconds: 1 })
    : new ProblemError('log_unavailable', `The event log does not take events; ${AGAIN}`, { retryAfterSeconds: 5 });
}
