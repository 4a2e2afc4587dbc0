import type { IncomingMessage, ServerResponse } from 'node:http';
import { PROBLEM_MEDIA_TYPE, ProblemError } from '@wayline/contracts';
import type { ErrorRequestHandler } from 'express';
import { requestIdHeader, requestIdOf } from './request-id.ts';
import { sendText } from './send-json.ts';

export interface HttpLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What the answer of a problem says beside its document: names and values in turn. */
export function problemHeaders({ problem, retryAfterSeconds }: ProblemError, requestId: string): string[] {
  const headers = ['Content-Type', PROBLEM_MEDIA_TYPE];
  if (requestId) headers.push(...requestIdHeader(requestId));
  if (problem.status === 401) headers.push('WWW-Authenticate', 'Bearer');
  if (retryAfterSeconds !== undefined) headers.push('Retry-After', String(retryAfterSeconds));
  return headers;
}

/** Tells of a refusal, for who looks for one. */
export function tellRefusal(
  logger: HttpLogger,
  { problem }: ProblemError,
  { method, url = '', requestId }: { method: string | undefined; url: string | undefined; requestId: string },
): void {
  const { code, status, detail } = problem;
  const [path] = url.split('?', 1); // what follows may be a key
  logger.debug({ requestId, method, path, status, code, detail }, 'a request was refused');
}

/** What an error says to the client: a library's own 400 is in our words, and what is no fault of the client, hidden. */
function toProblem(error: unknown, requestId: string): ProblemError {
  if (error instanceof ProblemError) return error;
  if ((error as { status?: number } | undefined)?.status === 400) {
    return new ProblemError('invalid_request', 'The address of the request could not be read.');
  }
  return new ProblemError('internal', `Something failed on our side; it was logged as ${requestId}.`);
}

/**
 * Answers with the problem document of an error; what is ours to mend is logged, and not shown.
 * @param about.requestId where it is not among the answer's headers yet
 */
export function answerError(
  error: unknown,
  request: IncomingMessage,
  about: { response: ServerResponse; logger: HttpLogger; requestId?: string },
): void {
  const { response, logger, requestId = requestIdOf(response) } = about;
  if (response.destroyed && (error as Error | undefined)?.name === 'AbortError') return; // who asked has gone
  if (response.headersSent) {
    logger.error({ err: error, requestId }, 'an answer broke off');
    response.destroy();
    return;
  }
  const problem = toProblem(error, requestId);
  const { code, status } = problem.problem;
  if (code === 'internal') {
    const { method, url = '' } = request;
    logger.error({ err: error, requestId, method, path: url.split('?', 1)[0] }, 'a request failed');
  } else tellRefusal(logger, problem, { method: request.method, url: request.url, requestId });
  sendText(response, status, problem.text, problemHeaders(problem, requestId));
}

/** The last handler of express: every error becomes a problem document. */
export function problemHandler(logger: HttpLogger): ErrorRequestHandler {
  return (error, request, response, _next) => answerError(error, request, { response, logger });
}
