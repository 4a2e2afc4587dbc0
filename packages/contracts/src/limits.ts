/** Limits of the v1 contract. Lengths of single fields are in the event's schema. */
export const LIMITS = {
  /** Events in one request, frame or batch. */
  eventsPerRequest: 2500,
  /** Bytes of a request body after inflation. */
  bodyBytes: 8 * 1024 * 1024,
  /** UTF-8 bytes of `context` written as JSON. */
  contextBytes: 32 * 1024,
  /** Levels of nesting of an event's JSON; the event itself is the first. */
  jsonDepth: 32,
  /** How far back the corrected time may lie, in days, unless the key allows import. */
  pastDays: 90,
  /** How far ahead the corrected time may lie, in hours. */
  futureHours: 24,
  /** Earliest corrected time for keys that allow import: 2000-01-01T00:00:00Z, epoch ms. */
  importFromMs: Date.UTC(2000, 0, 1),
  /** A difference of clocks up to this many ms is not corrected. */
  skewToleranceMs: 5_000,
  /** From this skew on, an event's id is claimed as well as its key (see architecture: unclocked ids). */
  skewClaimMs: 12 * 3_600_000,
  /** Beyond this skew, the corrected time is stored in place of `occurredAt`. */
  skewReplaceMs: 24 * 3_600_000,
  /** A session without events for this long counts as ended, with the reason `idle`. */
  sessionIdleMs: 30 * 60_000,
  /** Page size of lists. */
  listDefault: 100,
  listMax: 1000,
} as const;
