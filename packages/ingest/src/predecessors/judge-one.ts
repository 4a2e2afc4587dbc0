import type { EventError, EventValidator } from '@wayline/contracts';
import type { NewRecord } from '@wayline/event-log';
import type { Arrival } from '../arrival.ts';
import { noValidEvents } from '../events-door.ts';
import { judgeForeignEvents, type PointerTable } from '../judge-foreign-events.ts';
import { readSkewMs } from '../sent-at.ts';
import { userAgentOf } from '../user-agent.ts';

/** What a form says, as an event; and what is wrong with it already, told by the form's own fields. */
export interface OneEvent {
  event: Record<string, unknown>;
  errors: EventError[];
  pointers: PointerTable;
}

/** The record of a request that holds one event. @throws ProblemError `no_valid_events` where it is refused */
export function judgeOne(
  { event, errors, pointers }: OneEvent,
  { principal, receivedMs, window, headers, body }: Arrival,
  validator: EventValidator,
): NewRecord[] {
  const translate = () => (errors.length > 0 ? { errors } : { event, pointers });
  const { records, rejected } = judgeForeignEvents(
    { items: [event], translate },
    {
      validator,
      projectId: principal.projectId,
      receivedMs,
      skewMs: readSkewMs(receivedMs, headers),
      window,
      bodyBytes: body.length,
      escaped: true,
      userAgent: userAgentOf(headers['user-agent']),
    },
  );
  if (records.length === 0) throw noValidEvents(rejected);
  return records;
}
