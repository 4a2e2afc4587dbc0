// Made from event-schema.ts by `npm run generate`; do not edit.

/**
 * Something that happened in a session, reported by an app, a machine or a microservice.
 */
export interface WaylineEvent {
  /**
   * The sender's id, for retries; a UUIDv7 is best. The API assigns one when it is absent.
   */
  eventId?: string;
  /**
   * The session; the key of the log.
   */
  sessionId: string;
  /**
   * What happened: pageVisit, objectInView, click, serviceCall, any name.
   */
  type: string;
  /**
   * Groups names, e.g. frontend or server-1. Default: default.
   */
  namespace?: string;
  /**
   * The sender's time: RFC 3339, or epoch milliseconds.
   */
  occurredAt?: string | number;
  /**
   * Opaque; never an e-mail address or a name.
   */
  userId?: string;
  /**
   * Opaque id of a visitor not yet known.
   */
  anonymousId?: string;
  /**
   * The machine that the event comes from.
   */
  machineId?: string;
  platform?: 'web' | 'mobile' | 'desktop' | 'embedded' | 'server';
  /**
   * Who reports.
   */
  source?: {
    kind: 'app' | 'microservice';
    name: string;
    version?: string;
    instance?: string;
  };
  /**
   * Object seen or touched, operation called.
   */
  target?: string;
  page?: string;
  referrer?: string;
  userAgent?: string;
  /**
   * A finite number, for series.
   */
  value?: number;
  /**
   * The counter of this source instance within the session; gaps are shown.
   */
  seq?: number;
  /**
   * Anything else; at most 32768 bytes as JSON.
   */
  context?: {
    [k: string]: unknown;
  };
}
