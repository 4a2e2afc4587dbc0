import { randomUUID } from 'node:crypto';
import type { RequestHandler, Response } from 'express';

const ACCEPTED = /^[\w.:/+=@-]{1,128}$/;

/** Takes the caller's `X-Request-Id`, or makes one, and returns it with the answer. */
export const requestId: RequestHandler = (request, response, next) => {
  const given = request.get('X-Request-Id');
  response.set('X-Request-Id', given && ACCEPTED.test(given) ? given : randomUUID());
  next();
};

export function requestIdOf(response: Response): string {
  return String(response.get('X-Request-Id') ?? '');
}
