import type { IncomingHttpHeaders } from 'node:http';

/** Of W3C Trace Context: who called, and what the tracers on the way added. */
export interface TraceContext {
  traceparent: string;
  tracestate?: string;
}

/** Version, trace id, parent id, flags; later versions may add parts. Ids of zeros and version ff are not allowed. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?$/;
const LONGEST = 512;

/** The trace that a request belongs to; undefined if it names none, or not as the standard has it. */
export function traceContextOf(headers: IncomingHttpHeaders): TraceContext | undefined {
  const { traceparent, tracestate } = headers;
  if (typeof traceparent !== 'string' || traceparent.length > LONGEST || !TRACEPARENT.test(traceparent)) {
    return undefined;
  }
  const carried = typeof tracestate === 'string' && tracestate !== '' && tracestate.length <= LONGEST;
  return carried ? { traceparent, tracestate } : { traceparent };
}
