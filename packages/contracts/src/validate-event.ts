import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import type { ItemCode } from './error-codes.ts';
import type { WaylineEvent } from './event.generated.ts';
import { eventSchema } from './event-schema.ts';
import { eventTimes, type TimeWindow } from './event-times.ts';
import { LIMITS } from './limits.ts';
import type { ItemError } from './problem.ts';
import { parseRfc3339 } from './rfc3339.ts';
import { isUuid } from './uuid.ts';

/** An error of one event, before the caller adds the event's index in the request. */
export type EventError = Omit<ItemError, 'index'>;

export interface EventValidator {
  /** All that is wrong with the shape and the values of an event; an empty list says that it is a `WaylineEvent`. */
  validate(event: unknown): EventError[];
}

const CODE_OF_KEYWORD: Record<string, ItemCode> = {
  required: 'missing_field',
  additionalProperties: 'unknown_field',
  type: 'wrong_type',
  minLength: 'too_short',
  maxLength: 'too_long',
  enum: 'not_allowed',
  format: 'invalid_format',
  minimum: 'out_of_range',
  maximum: 'out_of_range',
};

const escapePointer = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

function describe({ keyword, params, instancePath, message }: ErrorObject): EventError {
  const code = CODE_OF_KEYWORD[keyword] ?? 'invalid_format';
  const at = (name: string) => `${instancePath}/${escapePointer(name)}`;
  switch (keyword) {
    case 'required':
      return { pointer: at(params.missingProperty), code, message: `\`${params.missingProperty}\` is required` };
    case 'additionalProperties':
      return {
        pointer: at(params.additionalProperty),
        code,
        message: `\`${params.additionalProperty}\` is not a field of ${instancePath ? `\`${instancePath.slice(1)}\`` : 'an event'}; own data goes into \`context\``,
      };
    case 'enum':
      return { pointer: instancePath, code, message: `must be one of ${params.allowedValues.join(', ')}` };
    case 'maxLength':
      return { pointer: instancePath, code, message: `must be at most ${params.limit} code points long` };
    case 'format':
      return {
        pointer: instancePath,
        code,
        message:
          params.format === 'uuid'
            ? 'must be a UUID, such as 01890a5d-ac96-774b-bcce-b302099a8057'
            : 'must be an RFC 3339 date-time with a zone, such as 2026-01-05T12:00:00.000Z, or epoch milliseconds as a number',
      };
    default:
      return { pointer: instancePath, code, message: message ?? 'is not valid' };
  }
}

/** Half of a surrogate pair, NUL, a number that JSON cannot carry, or too many levels, anywhere in a value. */
function findUnstorable(value: unknown, pointer: string, level: number): EventError | undefined {
  if (typeof value === 'string') return findUnstorableText(value, pointer);
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return undefined;
    return { pointer, code: 'number_out_of_range', message: 'is beyond the range of a double' };
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (level > LIMITS.jsonDepth) {
    return { pointer, code: 'too_deep', message: `is nested deeper than ${LIMITS.jsonDepth} levels` };
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const found = findUnstorable(value[i], `${pointer}/${i}`, level + 1);
      if (found) return found;
    }
    return undefined;
  }
  for (const [name, member] of Object.entries(value)) {
    const at = `${pointer}/${escapePointer(name)}`;
    const found = findUnstorableText(name, at) ?? findUnstorable(member, at, level + 1);
    if (found) return found;
  }
  return undefined;
}

function findUnstorableText(text: string, pointer: string): EventError | undefined {
  if (text.includes('\0')) return { pointer, code: 'contains_nul', message: 'contains the NUL character (U+0000)' };
  if (!text.isWellFormed()) {
    return { pointer, code: 'lone_surrogate', message: 'contains half of a surrogate pair (U+D800 to U+DFFF)' };
  }
  return undefined;
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
  const options = { strict: true, allowUnionTypes: true, ownProperties: true } as const;
  const build = (allErrors: boolean) => {
    const ajv = new Ajv2020({ ...options, allErrors });
    ajv.addFormat('uuid', { type: 'string', validate: isUuid });
    ajv.addFormat('date-time', { type: 'string', validate: (text: string) => parseRfc3339(text) !== undefined });
    return ajv.compile<WaylineEvent>(eventSchema);
  };
  const isEvent = build(false);
  const explain = build(true);

  return {
    validate(event) {
      if (typeof event !== 'object' || event === null || Array.isArray(event)) {
        return [{ pointer: '', code: 'not_an_object', message: 'must be a JSON object' }];
      }
      // First: the other checks and the messages walk the value.
      const unstorable = findUnstorable(event, '', 1);
      if (unstorable) return [unstorable];
      if (!isEvent(event)) {
        explain(event);
        return (explain.errors ?? []).map(describe);
      }
      if (typeof event.occurredAt === 'number' && Math.abs(event.occurredAt) > 8.64e15) {
        return [
          { pointer: '/occurredAt', code: 'out_of_range', message: 'is no time: epoch milliseconds are expected' },
        ];
      }
      const tooLarge = event.context && contextError(event.context);
      return tooLarge ? [tooLarge] : [];
    },
  };
}

/** What is wrong with the time of a valid event that has its id; undefined if the corrected time lies in the window. */
export function timeError(
  event: { eventId: string; occurredAt?: string | number },
  received: { receivedMs: number; skewMs: number },
  window: TimeWindow,
): EventError | undefined {
  const { correctedMs } = eventTimes(event, received.receivedMs, received.skewMs);
  if (correctedMs >= window.earliestMs && correctedMs <= window.latestMs) return undefined;
  const pointer = event.occurredAt === undefined ? '/eventId' : '/occurredAt';
  const seconds =
    typeof event.occurredAt === 'number' && event.occurredAt > 9e8 && event.occurredAt < 1e10
      ? '; it looks like epoch seconds, milliseconds are expected'
      : '';
  const shown = (ms: number) => (Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`);
  return correctedMs < window.earliestMs
    ? {
        pointer,
        code: 'time_too_old',
        message: `corrected to ${shown(correctedMs)}, before ${shown(window.earliestMs)}, the earliest that this key may write${seconds}`,
      }
    : {
        pointer,
        code: 'time_too_new',
        message: `corrected to ${shown(correctedMs)}, after ${shown(window.latestMs)}, the latest that is accepted${seconds}`,
      };
}
