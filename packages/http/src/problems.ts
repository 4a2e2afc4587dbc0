import type { ServerResponse } from 'node:http';
import { PROBLEM_MEDIA_TYPE, ProblemError } from '@wayline/contracts';
import type { ErrorRequestHandler } from 'express';
import { requestIdOf } from './request-id.ts';

export interface HttpLogger {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Answers with the problem document of an error, and the headers that belong to its status. */
export function sendProblem(response: ServerResponse, { problem, retryAfterSeconds }: ProblemError): void {
  if (problem.status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
  if (retryAfterSeconds !== undefined) response.setHeader('Retry-After', String(retryAfterSeconds));
  response.statusCode = problem.status;
  response.setHeader('Content-Type', PROBLEM_MEDIA_TYPE);
  response.end(JSON.stringify(problem));
}

/** What an error says to the client: a library's own 400 is in our words, and what is no fault of the client, hidden. */
function toProblem(error: unknown, response: ServerResponse): ProblemError {
  if (error instanceof ProblemError) return error;
  if ((error as { status?: number } | undefined)?.status === 400) {
    return new ProblemError('invalid_request', 'The address of the request could not be read.');
  }
  return new ProblemError('internal', `Something failed on our side; it was logged as ${requestIdOf(response)}.`);
}

/** The last handler: every error becomes a problem document; what is ours to mend is logged, and not shown. */
export function problemHandler(logger: HttpLogger): ErrorRequestHandler {
  return (error, request, response, next) => {
    const requestId = requestIdOf(response);
    if (response.headersSent) {
      logger.error({ err: error, requestId }, 'an answer broke off');
      next(error);
      return;
    }
    const problem = toProblem(error, response);
    if (problem.problem.code === 'internal') {
      logger.error({ err: error, requestId, method: request.method, path: request.path }, 'a request failed');
    }
    sendProblem(response, problem);
  };
}
