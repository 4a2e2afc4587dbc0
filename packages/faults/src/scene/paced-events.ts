import { setTimeout as sleep } from 'node:timers/promises';
import { generateEvents } from '@wayline/testkit';

/** An event on its way, as its line of JSON. */
export interface PacedEvent {
  eventId: string;
  sessionId: string;
  line: string;
}

/** After an outage, what would have come meanwhile comes at once, but no more than of so many seconds. */
const CATCH_UP_MS = 5_000;
const LONGEST_RUN_SECONDS = 4 * 3600;

/** Events of yesterday, so many a second, for hours or until told to stop. */
export async function* pacedEvents(
  perSecond: number,
  seed: number,
  stopped: AbortSignal,
): AsyncGenerator<PacedEvent, void, undefined> {
  const start = new Date(Date.now() - 86_400_000).toISOString();
  const count = Math.ceil(perSecond * LONGEST_RUN_SECONDS);
  let dueMs = performance.now();
  for (const line of generateEvents({ count, seed, start, hours: 20 })) {
    dueMs = Math.max(dueMs + 1000 / perSecond, performance.now() - CATCH_UP_MS);
    const waitMs = dueMs - performance.now();
    if (waitMs > 5) await sleep(waitMs, undefined, { signal: stopped }).catch(() => {});
    if (stopped.aborted) return;
    const { eventId, sessionId } = JSON.parse(line) as Omit<PacedEvent, 'line'>;
    yield { eventId, sessionId, line };
  }
}
