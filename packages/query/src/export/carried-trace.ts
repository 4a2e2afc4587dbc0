import { traceContextOf } from '@wayline/http';

/** The span of another tracer that an event came from. */
export interface CarriedSpan {
  traceId: string;
  spanId: string;
}

/**
 * The W3C trace context that an event carries in its context: as `traceparent`, or, if it came as a CloudEvent, as
 * that extension.
 */
export function carriedSpan(context: string | undefined): CarriedSpan | undefined {
  if (!context?.includes('"traceparent"')) return undefined;
  const { traceparent, _cloudevent: cloudEvent } = JSON.parse(context) as {
    traceparent?: unknown;
    _cloudevent?: { traceparent?: unknown } | null;
  };
  for (const given of [traceparent, cloudEvent?.traceparent]) {
    const carried = typeof given === 'string' ? traceContextOf({ traceparent: given }) : undefined;
    if (carried) {
      const [, traceId = '', spanId = ''] = carried.traceparent.split('-');
      return { traceId, spanId };
    }
  }
  return undefined;
}
