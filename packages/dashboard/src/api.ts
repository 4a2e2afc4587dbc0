export interface SessionSummary {
  sessionId: string;
  previousSessionId: string | null;
  userId: string | null;
  machineId: string | null;
  platform: string | null;
  startedAt: string;
  endedAt: string | null;
  endReason: 'ended' | 'refreshed' | 'idle' | null;
  firstAt: string;
  lastAt: string;
  eventCount: number;
  apps: string[];
  microservices: string[];
}

export interface StoredEvent {
  eventId: string;
  sessionId: string;
  type: string;
  namespace: string;
  /** As the sender said. */
  occurredAt: string;
  /** With the difference of the clocks taken out; the order of a session goes by it. */
  correctedAt: string;
  receivedAt: string;
  machineId?: string | null;
  userId?: string | null;
  source?: { kind: 'app' | 'microservice'; name: string; version?: string; instance?: string } | null;
  target?: string | null;
  page?: string | null;
  seq?: number | null;
  [field: string]: unknown;
}

export interface Hop {
  from: string;
  to: string;
  at: string;
  page: string | null;
}

export interface SourceUse {
  name: string;
  count: number;
  firstAt: string;
  lastAt: string;
}

/** How complete an answer is. */
export interface Completeness {
  /** All that the log took before this is in; null where the log cannot be reached. */
  completeThrough: string | null;
  completeThroughReason?: string;
  lagging?: { topic: string; partition: number; records: number }[];
}

export interface LedgerHour {
  hour: string;
  balanced: boolean;
  read: number;
  stored: number;
  duplicate: number;
  deadLettered: number;
  erased: number;
  expired: number;
  /** Stored in this hour, and removed since by retention or erasure. */
  removed: number;
}

export interface SessionsAnswer extends Completeness {
  sessions: SessionSummary[];
  nextCursor: string | null;
}

/** Numbers of a source that are in no event of the session, between two that are. */
export interface SeqGap {
  source: StoredEvent['source'];
  after: number | null;
  before: number;
  missing: number;
  /** The event that has the number `before`. */
  eventId: string;
}

export interface EventsAnswer {
  events: StoredEvent[];
  /** Those right before events of the page; of a session only. */
  gaps?: SeqGap[];
  nextCursor: string | null;
}

export interface LedgerAnswer extends Completeness {
  hours: LedgerHour[];
  /** Records whose project cannot be told. */
  unattributed: LedgerHour[];
  pending: number | null;
}

/** A refusal of the API, in its own words; status 0 where it could not be reached. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** @throws ApiError, or the abort's reason */
export async function getJson<T>(path: string, token: string, signal: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { headers: { Authorization: `Bearer ${token}` }, signal, cache: 'no-store' });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ApiError(0, 'The server cannot be reached.');
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok && body !== undefined) return body as T;
  const { detail, title } = (body ?? {}) as { detail?: string; title?: string };
  throw new ApiError(response.status, detail ?? title ?? `The server answered ${response.status}.`);
}
