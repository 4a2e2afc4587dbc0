import type { IncomingHttpHeaders } from 'node:http';
import { clockSkewMs, ProblemError, parseRfc3339 } from '@wayline/contracts';

const LATEST_MS = 8.64e15;

/** Epoch ms of a time as a body may hold it (RFC 3339, or epoch milliseconds); undefined if it is none. */
export function sentMs(sentAt: unknown): number | undefined {
  if (typeof sentAt === 'number') return Math.abs(sentAt) <= LATEST_MS ? Math.floor(sentAt) : undefined;
  return typeof sentAt === 'string' ? parseRfc3339(sentAt) : undefined;
}

/**
 * How far the sender's clock is off, ms: 0 if it did not say when it sent, or only by as much as is tolerated.
 * @param inBody `sentAt` of the body, which goes before the header `Wayline-Sent-At`, where digits are epoch milliseconds
 * @throws ProblemError if it is no time
 */
export function readSkewMs(receivedMs: number, headers: IncomingHttpHeaders, inBody?: unknown): number {
  const header = headers['wayline-sent-at'];
  if (inBody === undefined && header === undefined) return 0;
  const inHeader = /^\d{1,16}$/.test(String(header)) ? Number(header) : header;
  const sent = sentMs(inBody === undefined ? inHeader : inBody);
  if (sent !== undefined) return clockSkewMs(receivedMs, sent);
  const where = inBody === undefined ? 'The header Wayline-Sent-At' : '`/sentAt`';
  throw new ProblemError(
    'invalid_request',
    `${where} must be an RFC 3339 date-time with a zone, such as 2026-01-05T12:00:00.000Z, or epoch milliseconds.`,
  );
}
