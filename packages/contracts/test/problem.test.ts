import { describe, expect, test } from '@jest/globals';
import { PROBLEM_CODES, type ProblemCode, ProblemError, problem } from '@wayline/contracts';

describe('problem documents (RFC 9457)', () => {
  test('carry type, title, status, detail, code and retryable', () => {
    expect(problem('too_many_events', 'One request may hold 2500 events.')).toEqual({
      type: 'urn:wayline:problem:too_many_events',
      title: 'More events than one request may hold',
      status: 413,
      detail: 'One request may hold 2500 events.',
      code: 'too_many_events',
      retryable: false,
    });
  });

  test('carry errors per item, where there are any', () => {
    const errors = [{ index: 3, pointer: '/type', code: 'too_long' as const, message: 'must be shorter' }];
    expect(problem('no_valid_events', 'None.', errors).errors).toEqual(errors);
    expect(problem('no_valid_events', 'None.')).not.toHaveProperty('errors');
  });

  test('an error carries its document, and when to come again', () => {
    const error = new ProblemError('overloaded', 'Too much.', { retryAfterSeconds: 2 });
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toBe('overloaded: Too much.');
    expect(error.problem).toEqual(problem('overloaded', 'Too much.'));
    expect(error.retryAfterSeconds).toBe(2);
    expect(new ProblemError('internal', 'x').retryAfterSeconds).toBeUndefined();
  });

  test('every code has a status of an error; only what may pass by itself is retryable', () => {
    for (const [code, { status, title, retryable }] of Object.entries(PROBLEM_CODES)) {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(title).not.toBe('');
      expect({ code, retryable }).toEqual({ code, retryable: status >= 500 || status === 408 || status === 429 });
      expect(problem(code as ProblemCode, '').status).toBe(status);
    }
  });
});
