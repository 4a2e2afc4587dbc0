import type { IncomingMessage, ServerResponse } from 'node:http';
import { PROBLEM_MEDIA_TYPE, ProblemError } from '@wayline/contracts';
import type { ErrorRequestHandler } from 'express';
import { requestIdOf } from './request-id.ts';

export interface HttpLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The problem document of an error, and the headers that belong to its status. */
function sendProblem(response: ServerResponse, { problem, retryAfterSeconds }: ProblemError): void {
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

/** Answers with the problem document of an error; what is ours to mend is logged, and not shown. */
export function answerError(
  error: unknown,
  request: IncomingMessage,
  { response, logger }: { response: ServerResponse; logger: HttpLogger },
): void {
  const requestId = requestIdOf(response);
  if (response.headersSent) {
    logger.error({ err: error, requestId }, 'an answer broke off');
    response.destroy();
    return;
  }
  const problem = toProblem(error, response);
  const { code, status, detail } = problem.problem;
  const { method, url = '' } = request;
  const [path] = url.split('?', 1); // what follows may be a key
  if (code === 'internal') logger.error({ err: error, requestId, method, path }, 'a request failed');
  else logger.debug({ requestId, method, path, status, code, detail }, 'a request was refused');
  sendProblem(response, problem);
}

/** The last handler of express: every error becomes a problem document. */
export function problemHandler(logger: HttpLogger): ErrorRequestHandler {
  return (error, request, response, _next) => answerError(error, request, { response, logger });
}
