import { type ItemCode, PROBLEM_CODES, type ProblemCode } from './error-codes.ts';

/** One thing wrong with one event. `pointer` is a JSON Pointer (RFC 6901) into the event, '' for the event itself. */
export interface ItemError {
  index: number;
  pointer: string;
  code: ItemCode;
  message: string;
}

/** An error of one event, before the caller adds the event's index in the request. */
export type EventError = Omit<ItemError, 'index'>;

/** A problem document (RFC 9457), sent as `application/problem+json`. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ProblemCode;
  retryable: boolean;
  errors?: ItemError[];
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** The problem document of a code; `detail` says what was wrong here and what to do, without internals. */
export function problem(code: ProblemCode, detail: string, errors?: ItemError[]): Problem {
  const { status, title, retryable } = PROBLEM_CODES[code];
  return { type: `urn:wayline:problem:${code}`, title, status, detail, code, retryable, ...(errors && { errors }) };
}

/** Thrown by anything that answers a request; the HTTP layer turns it into its problem document. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly problem: Problem;
  /** Seconds after which a retry makes sense; sent as `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;
  #text: string | undefined;

  constructor(code: ProblemCode, detail: string, options: { errors?: ItemError[]; retryAfterSeconds?: number } = {}) {
    super(`${code}: ${detail}`);
    this.problem = problem(code, detail, options.errors);
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  /** The problem as JSON, made once: some errors are given to many. */
  get text(): string {
    this.#text ??= JSON.stringify(this.problem);
    return this.#text;
  }
}
