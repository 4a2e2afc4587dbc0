import type { WaylineEvent } from './event.generated.ts';
import { eventSchema } from './event-schema.ts';
import { LIMITS } from './limits.ts';
import type { EventError } from './problem.ts';
import { timeRangeError } from './time-window.ts';
import { createShapeValidator } from './validate-shape.ts';

export interface EventValidator {
  /**
   * What is wrong with the shape and the values of an event; an empty list says that it is a `WaylineEvent`.
   * `escaped` is false where the JSON that it was read from had no `\u` escape: then fewer checks are needed.
   */
  validate(event: unknown, text?: { escaped: boolean }): EventError[];
}

const utf8 = new TextEncoder();
/** No character is longer than this as JSON in UTF-8: `\u0000`. */
const LONGEST_CHARACTER = 6;
const LONGEST_NUMBER = 24;

/** No fewer bytes than the value has as JSON, and cheaper to know. */
function bytesAtMost(value: unknown): number {
  if (typeof value === 'string') return LONGEST_CHARACTER * value.length + 3;
  if (typeof value !== 'object' || value === null) return LONGEST_NUMBER + 1;
  let bytes = 2;
  if (Array.isArray(value)) {
    for (const member of value) bytes += bytesAtMost(member);
    return bytes;
  }
  for (const name in value) {
    bytes += LONGEST_CHARACTER * name.length + 4 + bytesAtMost((value as Record<string, unknown>)[name]);
  }
  return bytes;
}

function contextError(context: object): EventError | undefined {
  if (bytesAtMost(context) <= LIMITS.contextBytes) return undefined;
  const bytes = utf8.encode(JSON.stringify(context)).length;
  if (bytes <= LIMITS.contextBytes) return undefined;
  return {
    pointer: '/context',
    code: 'context_too_large',
    message: `has ${bytes} bytes as JSON; at most ${LIMITS.contextBytes} are kept`,
  };
}

/** Compiles the event's schema (some ms); validating with the result is fast. */
export function createEventValidator(): EventValidator {
  const shapeErrors = createShapeValidator(eventSchema, 'an event; own data goes into `context`');
  return {
    validate(value, text) {
      const errors = shapeErrors(value, text);
      if (errors.length > 0) return errors;
      const event = value as WaylineEvent;
      const error = timeRangeError(event.occurredAt, '/occurredAt') ?? (event.context && contextError(event.context));
      return error ? [error] : [];
    },
  };
}
