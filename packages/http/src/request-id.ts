import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';

const ACCEPTED = /^[\w.:/+=@-]{1,128}$/;

/** Takes the caller's `X-Request-Id`, or makes one, and returns it with the answer. */
export const requestId: RequestHandler = (request, response, next) => {
  const given = request.get('X-Request-Id');
  response.setHeader('X-Request-Id', given && ACCEPTED.test(given) ? given : randomUUID());
  next();
};

/** The id of the request that is being answered; '' where `requestId` does not stand before. */
export function requestIdOf(response: ServerResponse): string {
  return String(response.getHeader('X-Request-Id') ?? '');
}
