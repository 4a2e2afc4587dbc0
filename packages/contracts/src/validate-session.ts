import type { WaylineEvent } from './event.generated.ts';
import type { EventError } from './problem.ts';
import { sessionEndSchema, sessionStartSchema } from './session-schemas.ts';
import { timeRangeError } from './time-window.ts';
import { createShapeValidator } from './validate-shape.ts';

type Carried = Pick<WaylineEvent, 'userId' | 'machineId' | 'platform' | 'source'>;
export type SessionStart = Carried & { sessionId?: string; startedAt?: string | number };
export type SessionEnd = Carried & { endedAt?: string | number };

export interface SessionValidator {
  /** What is wrong with the body of a start or a refresh; an empty list says that it is a `SessionStart`. */
  validateStart(body: unknown): EventError[];
  /** What is wrong with the body of an end; an empty list says that it is a `SessionEnd`. */
  validateEnd(body: unknown): EventError[];
}

/** Compiles the schemas once (some ms). */
export function createSessionValidator(): SessionValidator {
  const startErrors = createShapeValidator(sessionStartSchema, 'this request');
  const endErrors = createShapeValidator(sessionEndSchema, 'this request');
  const check = (errors: EventError[], name: 'startedAt' | 'endedAt', body: unknown): EventError[] => {
    if (errors.length > 0) return errors;
    const rangeError = timeRangeError((body as Record<string, string | number | undefined>)[name], `/${name}`);
    return rangeError ? [rangeError] : [];
  };
  return {
    validateStart: (body) => check(startErrors(body), 'startedAt', body),
    validateEnd: (body) => check(endErrors(body), 'endedAt', body),
  };
}
