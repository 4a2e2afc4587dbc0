import { randomUUID } from 'node:crypto';
import type { LoggedEvent } from '@wayline/contracts';
import type { IngestUnderTest } from './ingest-under-test.ts';

/** An event of a session of its own, so that tests share a log. */
export const event = (more: object = {}) => ({
  eventId: randomUUID(),
  sessionId: `s-${randomUUID()}`,
  type: 'click',
  occurredAt: new Date().toISOString(),
  ...more,
});

/** What is in the log of a session, in order. */
export const loggedOf = async (ingest: IngestUnderTest, sessionId: string): Promise<LoggedEvent[]> =>
  (await ingest.logged()).filter(({ event }) => event.sessionId === sessionId);
