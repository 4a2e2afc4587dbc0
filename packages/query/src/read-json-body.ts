import type { IncomingMessage } from 'node:http';
import { ProblemError } from '@wayline/contracts';
import { type ByteBudget, decodeText, mediaTypeOf, readBody } from '@wayline/http';

/** Enough for an event of any kind, with all of its characters escaped. */
const MAX_BYTES = 1024 * 1024;

/** The object in the body of a request; an empty one where there is no body. @throws ProblemError where it is none */
export async function readJsonBody(
  request: IncomingMessage,
  budget: ByteBudget,
): Promise<Readonly<Record<string, unknown>>> {
  const body = await readBody(request, { maxBytes: MAX_BYTES, budget });
  budget.give(body.length);
  if (body.length === 0) return {};
  if (mediaTypeOf(request.headers['content-type']) !== 'application/json') {
    throw new ProblemError('unsupported_media_type', 'Content-Type must be application/json.');
  }
  const value = parse(decodeText(body));
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ProblemError('invalid_request', 'The body must be a JSON object.');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ProblemError('invalid_json', `The body is not valid JSON: ${(error as Error).message}.`);
  }
}
