import type { EventValidator } from '@wayline/contracts';
import type { Door } from '../arrival.ts';
import { noValidEvents } from '../events-door.ts';
import { judgeForeignEvents } from '../judge-foreign-events.ts';
import { readSkewMs } from '../sent-at.ts';
import { userAgentOf } from '../user-agent.ts';
import { readCloudEvents } from './read-cloudevents.ts';
import { translateCloudEvent } from './translate-cloudevent.ts';

/** CloudEvents 1.0 at the doors for events. The answer is theirs, and always says the ids, which are derived. */
export function createCloudEventsDoor(validator: EventValidator): Door {
  return ({ principal, receivedMs, window, headers, body, sessionId }) => {
    const { projectId } = principal;
    const { items, escaped } = readCloudEvents(headers, body);
    const session = headers['wayline-session'];
    const { records, rejected, ids } = judgeForeignEvents(
      {
        items,
        translate: (item) =>
          translateCloudEvent(item, {
            projectId,
            sessionId: session === undefined ? undefined : String(session),
            needsSession: sessionId === undefined,
          }),
      },
      {
        validator,
        projectId,
        receivedMs,
        skewMs: readSkewMs(receivedMs, headers),
        window,
        bodyBytes: body.length,
        escaped,
        sessionId,
        userAgent: userAgentOf(headers['user-agent']),
      },
    );
    if (records.length === 0) throw noValidEvents(rejected);
    return { records, status: 202, answer: { accepted: records.length, rejected, ids } };
  };
}
