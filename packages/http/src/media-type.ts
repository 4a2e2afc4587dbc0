import { ProblemError } from '@wayline/contracts';

/**
 * The media type of a `Content-Type` header, in lower case, without parameters; '' if there is none.
 * A `ProblemError` where its charset is not UTF-8.
 */
export function mediaTypeOf(contentType: string | undefined): string {
  if (contentType === 'application/json') return contentType; // as most say it
  const [type = '', ...parameters] = (contentType ?? '').toLowerCase().split(';');
  for (const parameter of parameters) {
    const charset = /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/.exec(parameter)?.[1];
    if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') {
      throw new ProblemError(
        'unsupported_media_type',
        'The body must be UTF-8; its Content-Type says another charset.',
      );
    }
  }
  return type.trim();
}
