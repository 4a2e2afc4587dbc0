import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';

const HEADER = 'X-Request-Id';
const ACCEPTED = /^[\w.:/+=@-]{1,128}$/;

// Made with the first id: 72 random bits tell the ids of one process from those of all others, and a number tells them apart.
let process = '';
let count = 0;

function newId(): string {
  process ||= randomBytes(9).toString('base64url');
  return `${process}.${(count++).toString(36)}`;
}

/** Takes the caller's `X-Request-Id`, or makes one, and returns it with the answer; once for a request. */
export function assignRequestId(request: IncomingMessage, response: ServerResponse): string {
  const assigned = requestIdOf(response);
  if (assigned) return assigned;
  const id = requestIdFor(request);
  response.setHeader(HEADER, id);
  return id;
}

/** The caller's `X-Request-Id`, or a new one: for what has no response to keep it in. */
export function requestIdFor({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && ACCEPTED.test(given) ? given : newId();
}

/** `assignRequestId`, for express. */
export const requestId: RequestHandler = (request, response, next) => {
  assignRequestId(request, response);
  next();
};

/** The id of the request that is being answered; '' where none was assigned. */
export function requestIdOf(response: ServerResponse): string {
  return (response.getHeader(HEADER) as string | undefined) ?? '';
}
