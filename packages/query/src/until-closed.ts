import type { ServerResponse } from 'node:http';

/** Aborted when the client goes away before its answer was sent whole. */
export function untilClosed(response: ServerResponse): AbortSignal {
  const abort = new AbortController();
  if (response.destroyed) abort.abort();
  response.once('close', () => {
    if (!response.writableFinished) abort.abort();
  });
  return abort.signal;
}
