import { ProblemError, TOPICS } from '@wayline/contracts';
import { type EventLog, LogUnavailableError, type NewRecord } from '@wayline/event-log';

const AGAIN = 'nothing of this request was acknowledged, send it again.';

/** Resolves when the records are durable; a `ProblemError` with `Retry-After` where the log cannot take them. */
export function appendEvents(log: EventLog, records: readonly NewRecord[]): Promise<void> {
  // Not `async`, which would keep the records until they are durable.
  return log.append(TOPICS.events, records).catch(tellUnavailable);
}

function tellUnavailable(error: unknown): never {
  if (!(error instanceof LogUnavailableError)) throw error;
  throw error.reason === 'busy'
    ? new ProblemError('overloaded', `Too much is being written; ${AGAIN}`, { retryAfterSeconds: 1 })
    : new ProblemError('log_unavailable', `The event log does not take events; ${AGAIN}`, { retryAfterSeconds: 5 });
}
