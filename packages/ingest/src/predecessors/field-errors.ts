import { type EventError, looseTimeMs } from '@wayline/contracts';

export const missingField = (name: string): EventError => ({
  pointer: `/${name}`,
  code: 'missing_field',
  message: `\`${name}\` is required`,
});

export const wrongType = (name: string, type: string): EventError => ({
  pointer: `/${name}`,
  code: 'wrong_type',
  message: `must be of type ${type}`,
});

export const notAllowed = (name: string, allowed: readonly string[]): EventError => ({
  pointer: `/${name}`,
  code: 'not_allowed',
  message: `must be one of ${allowed.join(', ')}`,
});

/** A text that has to be there. */
export function textField(fields: Record<string, unknown>, name: string, errors: EventError[]): string {
  const value = fields[name];
  if (typeof value === 'string' && value !== '') return value;
  const absent = value === undefined || value === null || value === '';
  errors.push(absent ? missingField(name) : wrongType(name, 'string'));
  return '';
}

/** Epoch ms of a time that has to be there. */
export function timeField(fields: Record<string, unknown>, name: string, errors: EventError[]): number {
  const value = fields[name];
  const ms = looseTimeMs(value);
  if (ms !== undefined) return ms;
  const message = 'must be epoch seconds or milliseconds, or an RFC 3339 date-time, which is UTC where it has no zone';
  const absent = value === undefined || value === null || value === '';
  errors.push(absent ? missingField(name) : { pointer: `/${name}`, code: 'invalid_format', message });
  return 0;
}
