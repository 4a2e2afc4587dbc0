import type { IncomingHttpHeaders } from 'node:http';
import { REQUEST_ID_HEADER } from '@wayline/contracts';
import type { NewRecord } from '@wayline/event-log';
import { traceContextOf } from '@wayline/http';

/** What every record of a request carries on: the request's id, and the trace that it belongs to. One object for all. */
export function recordHeaders(headers: IncomingHttpHeaders, requestId: string): NonNullable<NewRecord['headers']> {
  const trace = traceContextOf(headers);
  return trace ? { [REQUEST_ID_HEADER]: requestId, ...trace } : { [REQUEST_ID_HEADER]: requestId };
}
