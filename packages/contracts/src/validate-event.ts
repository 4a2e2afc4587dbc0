import type { WaylineEvent } from './event.generated.ts';
import { eventSchema } from './event-schema.ts';
import { LIMITS } from './limits.ts';
import type { EventError } from './problem.ts';
import { timeRangeError } from './time-window.ts';
import { createShapeValidator } from './validate-shape.ts';

export interface EventValidator {
  /** What is wrong with the shape and the values of an event; an empty list says that it is a `WaylineEvent`. */
  validate(event: unknown): EventError[];
}

const utf8 = new TextEncoder();

function contextError(context: object): EventError | undefined {
  const text = JSON.stringify(context);
  // A code unit is at most three bytes, so most contexts need no counting.
  if (text.length * 3 <= LIMITS.contextBytes) return undefined;
  const bytes = utf8.encode(text).length;
  if (bytes <= LIMITS.contextBytes) return undefined;
  return {
    pointer: '/context',
    code: 'context_too_large',
    message: `has ${bytes} bytes as JSON; at most ${LIMITS.contextBytes} are kept`,
  };
}

/** Compiles the event's schema once (some ms); validating with the result is fast. */
export function createEventValidator(): EventValidator {
  const shapeErrors = createShapeValidator(eventSchema, 'an event; own data goes into `context`');
  return {
    validate(value) {
      const errors = shapeErrors(value);
      if (errors.length > 0) return errors;
      const event = value as WaylineEvent;
      const error = timeRangeError(event.occurredAt, '/occurredAt') ?? (event.context && contextError(event.context));
      return error ? [error] : [];
    },
  };
}
