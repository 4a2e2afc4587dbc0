import { ProblemError } from '@wayline/contracts';
import { locateJsonError } from './locate-json-error.ts';

/** Why a text is not JSON, with the place. */
export function describeJsonError(text: string): string {
  const place = locateJsonError(text);
  if (!place) return 'is not valid JSON';
  return `line ${place.line}, column ${place.column} (character ${place.position}): ${place.reason}`;
}

/** The value that a JSON text writes; a `ProblemError` (`invalid_json`) that says where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const what = text.trim() === '' ? 'The body is empty' : `The body is not valid JSON: ${describeJsonError(text)}`;
    throw new ProblemError('invalid_json', `${what}.`);
  }
}
