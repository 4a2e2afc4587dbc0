import { eventSchema, ProblemError } from '@wayline/contracts';

const { maxLength } = eventSchema.properties.sessionId;

/** The session that an address names; a `ProblemError` if no event could carry it. */
export function sessionInAddress(id: string): string {
  const length = [...id].length;
  if (length >= 1 && length <= maxLength && !id.includes('\0')) return id;
  throw new ProblemError(
    'invalid_request',
    `The session in the address must have 1 to ${maxLength} code points, without NUL.`,
  );
}
