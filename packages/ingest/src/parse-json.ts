import { ProblemError } from '@wayline/contracts';
import { locateJsonError } from './locate-json-error.ts';

/** The value that a JSON text writes; a `ProblemError` (`invalid_json`) that says where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (text.trim() === '') throw new ProblemError('invalid_json', 'The body is empty.');
    const place = locateJsonError(text);
    throw new ProblemError(
      'invalid_json',
      `The body is not valid JSON: line ${place?.line}, column ${place?.column} (character ${place?.position}): ${place?.reason}.`,
    );
  }
}
