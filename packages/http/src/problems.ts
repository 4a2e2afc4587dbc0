import { PROBLEM_MEDIA_TYPE, ProblemError } from '@wayline/contracts';
import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import { requestIdOf } from './request-id.ts';

export interface HttpLogger {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export function sendProblem(response: Response, error: ProblemError): void {
  const { problem, retryAfterSeconds } = error;
  if (problem.status === 401) response.set('WWW-Authenticate', 'Bearer');
  if (retryAfterSeconds !== undefined) response.set('Retry-After', String(retryAfterSeconds));
  response.status(problem.status).type(PROBLEM_MEDIA_TYPE).send(JSON.stringify(problem));
}

/** What express and body-parser throw, in our words; undefined for what is no fault of the client. */
function fromLibrary(error: { type?: string; status?: number; code?: string }): ProblemError | undefined {
  switch (error.type) {
    case 'entity.too.large':
      return new ProblemError('body_too_large', 'The body is over 8 MiB after inflation; send fewer events a request.');
    case 'encoding.unsupported':
      return new ProblemError('unsupported_media_type', 'Content-Encoding must be gzip, deflate or br, or absent.');
    case 'request.aborted':
    case 'request.size.invalid':
      return new ProblemError('invalid_request', 'The body ended before its Content-Length.');
  }
  if (error.status === 400 && (error.code?.startsWith('Z_') || error.code?.startsWith('ERR_'))) {
    return new ProblemError('invalid_encoding', 'The body is not what its Content-Encoding says.');
  }
  if (error.status === 400) return new ProblemError('invalid_request', 'The request could not be read.');
  return undefined;
}

/** The last handler: every error becomes a problem document; what is ours to mend is logged, and not shown. */
export function problemHandler(logger: HttpLogger): ErrorRequestHandler {
  return (error, request, response, next) => {
    if (response.headersSent) {
      logger.error({ err: error, requestId: requestIdOf(response) }, 'an answer broke off');
      next(error);
      return;
    }
    const known = error instanceof ProblemError ? error : fromLibrary(error);
    if (!known) {
      logger.error(
        { err: error, requestId: requestIdOf(response), method: request.method, path: request.path },
        'a request failed',
      );
    }
    sendProblem(
      response,
      known ?? new ProblemError('internal', `Something failed on our side; it was logged as ${requestIdOf(response)}.`),
    );
  };
}

/** For what no route took. */
export const noSuchRoute: RequestHandler = (request) => {
  throw new ProblemError('not_found', `There is no ${request.method} ${request.path}.`);
};
