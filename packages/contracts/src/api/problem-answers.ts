import { ITEM_CODES, PROBLEM_CODES, type ProblemCode } from '../error-codes.ts';
import { PROBLEM_MEDIA_TYPE, problem } from '../problem.ts';
import type { Schema } from './operation.ts';
import { count, flag, list, object, oneOf, ref, text } from './schemas.ts';

/** Of every operation, whichever: the process starts, or has a fault, or has too many clients. */
const ANYWHERE: readonly ProblemCode[] = ['invalid_request', 'internal', 'not_ready', 'overloaded'];

/** Of every operation with a credential. */
const GUARDED: readonly ProblemCode[] = [...ANYWHERE, 'unauthenticated', 'forbidden'];

/** Of every operation that reads from the database. */
export const READS: readonly ProblemCode[] = [...GUARDED, 'database_unavailable'];

/** Of every list. */
export const LISTS: readonly ProblemCode[] = [...READS, 'invalid_cursor'];

const BODIES: readonly ProblemCode[] = [
  'invalid_json',
  'invalid_encoding',
  'request_timeout',
  'body_too_large',
  'unsupported_media_type',
];

/** Of every operation that reads a body and changes what is stored. */
export const CHANGES: readonly ProblemCode[] = [...READS, ...BODIES];

/** Of every operation that appends to the log. */
export const WRITES: readonly ProblemCode[] = [
  ...GUARDED,
  ...BODIES,
  'origin_not_allowed',
  'rate_limited',
  'log_unavailable',
];

/** What an item of a request is refused for. */
const itemErrors: Readonly<Record<string, Schema>> = {
  ItemError: {
    ...object({
      pointer: text('JSON Pointer (RFC 6901) into the item; empty for the item itself.'),
      code: { ...oneOf(...Object.keys(ITEM_CODES)), description: codesAsText(ITEM_CODES) },
      message: text('For people; programs rely on the code.'),
    }),
    description: 'One thing that is wrong with one item.',
  },
};

export const problemSchemas: Readonly<Record<string, Schema>> = {
  ...itemErrors,
  Problem: {
    ...object(
      {
        type: text('`urn:wayline:problem:` and the code.'),
        title: text(),
        status: count(),
        detail: text('What was wrong with this request, and what to do.'),
        code: {
          ...oneOf(...Object.keys(PROBLEM_CODES)),
          description: codesAsText(
            Object.fromEntries(Object.entries(PROBLEM_CODES).map(([code, { title }]) => [code, `${title}.`])),
          ),
        },
        retryable: flag('Whether the same request may succeed later; wait as `Retry-After` says.'),
      },
      {
        errors: list(
          object({
            index: count('The place of the item in the request, from 0.'),
            pointer: text('JSON Pointer (RFC 6901) into the item; empty for the item itself.'),
            code: oneOf(...Object.keys(ITEM_CODES)),
            message: text(),
          }),
        ),
      },
    ),
    description: 'A problem document (RFC 9457). The codes are stable; nothing else in it is for programs to rely on.',
  },
};

function codesAsText(codes: Readonly<Record<string, string>>): string {
  return Object.entries(codes)
    .map(([code, meaning]) => `- \`${code}\`: ${meaning}`)
    .join('\n');
}

/** An example of each problem document, among the `components`. */
export function problemExamples(): Record<string, object> {
  const codes = Object.keys(PROBLEM_CODES) as ProblemCode[];
  return Object.fromEntries(
    codes.map((code) => [code, { summary: PROBLEM_CODES[code].title, value: problem(code, '…') }]),
  );
}

const WAIT: ReadonlySet<number> = new Set([429, 503]);

/** Refusals of whoever asks, before it is counted what the key sends. */
const BEFORE_LIMITS: ReadonlySet<number> = new Set([401, 403]);

/**
 * The answers by which an operation tells of problems, by status.
 * @param headers names of those that are sent once it is known who asks
 */
export function problemAnswers(codes: readonly ProblemCode[], headers: readonly string[]): Record<string, object> {
  const statuses = [...new Set(codes.map((code) => PROBLEM_CODES[code].status))].sort((a, b) => a - b);
  return Object.fromEntries(
    statuses.map((status) => {
      const own = Object.keys(PROBLEM_CODES).filter(
        (code): code is ProblemCode =>
          codes.includes(code as ProblemCode) && PROBLEM_CODES[code as ProblemCode].status === status,
      );
      return [String(status), problemAnswer(status, own, BEFORE_LIMITS.has(status) ? [] : headers)];
    }),
  );
}

function problemAnswer(status: number, codes: readonly ProblemCode[], headers: readonly string[]): object {
  return {
    description: codes.map((code) => `\`${code}\`: ${PROBLEM_CODES[code].title}.`).join(' '),
    headers: {
      ...Object.fromEntries(
        ['X-Request-Id', ...headers].map((name) => [name, { $ref: `#/components/headers/${name}` }]),
      ),
      ...(WAIT.has(status) && { 'Retry-After': { $ref: '#/components/headers/Retry-After' } }),
      ...(status === 401 && { 'WWW-Authenticate': { $ref: '#/components/headers/WWW-Authenticate' } }),
    },
    content: {
      [PROBLEM_MEDIA_TYPE]: {
        schema: ref('Problem'),
        examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
      },
    },
  };
}
