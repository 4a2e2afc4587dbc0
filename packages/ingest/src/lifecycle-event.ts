import { type IdentifiedEvent, normalizeOccurredAt, type SessionStart, uuidV8 } from '@wayline/contracts';

export interface Lifecycle {
  projectId: number;
  type: 'sessionStarted' | 'sessionEnded';
  sessionId: string;
  /** Of a session that a refresh began. */
  previousSessionId?: string;
  /** Of an end. */
  reason?: 'ended' | 'refreshed';
  /** The sender's time of it, if it gave one. */
  at?: string | number;
  /** The body of the request. */
  body: Pick<SessionStart, 'userId' | 'machineId' | 'platform' | 'source'>;
}

/** The event of a session's start or end. Its id follows from what it says, so a retry of the request is a duplicate. */
export function lifecycleEvent(lifecycle: Lifecycle): IdentifiedEvent {
  const { projectId, type, sessionId, previousSessionId, reason, at, body } = lifecycle;
  const { userId, machineId, platform, source } = body;
  const occurredAt = at === undefined ? undefined : normalizeOccurredAt(at);
  const context = type === 'sessionEnded' ? { reason } : previousSessionId && { previousSessionId };
  return {
    eventId: uuidV8(projectId, sessionId, type, previousSessionId ?? '', occurredAt ?? ''),
    sessionId,
    type,
    ...(occurredAt !== undefined && { occurredAt }),
    ...(userId !== undefined && { userId }),
    ...(machineId !== undefined && { machineId }),
    ...(platform !== undefined && { platform }),
    ...(source !== undefined && { source }),
    ...(context && { context }),
  };
}
