import type { StoredSession } from '@wayline/store';
import { isoTime } from './iso-time.ts';

export type EndReason = 'ended' | 'refreshed' | 'idle';

/** A session as the API tells it. Times are corrected, RFC 3339. */
export interface SessionSummary {
  sessionId: string;
  previousSessionId: string | null;
  userId: string | null;
  machineId: string | null;
  platform: string | null;
  startedAt: string;
  endedAt: string | null;
  endReason: EndReason | null;
  firstAt: string;
  lastAt: string;
  eventCount: number;
  apps: string[];
  microservices: string[];
}

export interface IdleRule {
  /** Up to when everything is stored, epoch ms; null where that is not known: then no session is called idle. */
  completeMs: number | null;
  /** A session whose last event lies further back than this, ms, counts as ended. */
  idleMs: number;
}

function endOf(
  session: StoredSession,
  { completeMs, idleMs }: IdleRule,
): { reason: EndReason; ms: number } | undefined {
  if (session.endedMs !== null) return { reason: 'ended', ms: session.endedMs };
  if (session.refreshedMs !== null) return { reason: 'refreshed', ms: session.refreshedMs };
  if (completeMs !== null && completeMs - session.lastMs > idleMs) return { reason: 'idle', ms: session.lastMs };
  return undefined;
}

export function toSummary(session: StoredSession, rule: IdleRule): SessionSummary {
  const end = endOf(session, rule);
  return {
    sessionId: session.sessionId,
    previousSessionId: session.previousSessionId,
    userId: session.userId,
    machineId: session.machineId,
    platform: session.platform,
    startedAt: isoTime(session.startedMs ?? session.firstMs),
    endedAt: end ? isoTime(end.ms) : null,
    endReason: end?.reason ?? null,
    firstAt: isoTime(session.firstMs),
    lastAt: isoTime(session.lastMs),
    eventCount: session.eventCount,
    apps: session.apps,
    microservices: session.microservices,
  };
}
