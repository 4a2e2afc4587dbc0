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

/**
 * The id that a request is known by: the one assigned before, else the caller's `X-Request-Id`, else a new one. Whoever
 * answers must return it, with `requestIdHeader`.
 */
export function identify(request: IncomingMessage, response: ServerResponse): string {
  const assigned = requestIdOf(response);
  if (assigned) return assigned;
  return requestIdFor(request);
}

/** The caller's `X-Request-Id`, or a new one: for what has no response to keep it in. */
export function requestIdFor({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && ACCEPTED.test(given) ? given : newId();
}

/** The header that returns the id, its name and its value. */
export const requestIdHeader = (id: string): [string, string] => [HEADER, id];

/** Identifies a request and returns the id with whatever it is answered, for express. */
export const requestId: RequestHandler = (request, response, next) => {
  response.setHeader(HEADER, identify(request, response));
  next();
};

/** The id of the request that is being answered; '' where none was assigned. */
export function requestIdOf(response: ServerResponse): string {
  return (response.getHeader(HEADER) as string | undefined) ?? '';
}
