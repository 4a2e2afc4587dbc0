import { ProblemError } from '@wayline/contracts';
import type { Request, RequestHandler } from 'express';

const methodsServed = new WeakMap<Request, string[]>();

/**
 * Stands last on a route and notes which methods it serves, for `noSuchRoute`; it answers nothing itself, because
 * another role's router may serve the same path by other methods.
 */
export function servesOnly(...methods: string[]): RequestHandler {
  return (request, _response, next) => {
    methodsServed.set(request, [...(methodsServed.get(request) ?? []), ...methods]);
    next();
  };
}

/** For what no route took: 405 where a route serves the path by other methods, else 404. */
export const noSuchRoute: RequestHandler = (request, response) => {
  const allowed = methodsServed.get(request);
  if (!allowed) throw new ProblemError('not_found', `There is no ${request.method} ${request.path}.`);
  const list = allowed.join(', ');
  response.setHeader('Allow', list);
  throw new ProblemError('method_not_allowed', `${request.path} is served by ${list}, not by ${request.method}.`);
};
