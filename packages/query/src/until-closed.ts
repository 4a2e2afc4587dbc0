import type { ServerResponse } from 'node:http';

/** Is aborted when the client goes away before its answer was sent whole. @param reason what it is aborted with */
export function abortWhenClosed(response: ServerResponse, reason?: () => Error): AbortController {
  const abort = new AbortController();
  if (response.destroyed) abort.abort(reason?.());
  response.once('close', () => {
    if (!response.writableFinished) abort.abort(reason?.());
  });
  return abort;
}

export const untilClosed = (response: ServerResponse): AbortSignal => abortWhenClosed(response).signal;
