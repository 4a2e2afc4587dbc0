import { expect, test } from '@jest/globals';
import { errorFields } from '../src/logger.ts';

test('of an error, and of its causes, only what says why is logged: no connection, no row', () => {
  const row = { detail: 'Key (user_id)=(u-1) already exists.', client: { user: 'wayline' }, code: '23505' };
  const error = new Error('the batch failed', { cause: Object.assign(new Error('duplicate key'), row) });
  expect(errorFields(error)).toEqual({
    name: 'Error',
    message: 'the batch failed',
    code: undefined,
    stack: expect.any(String),
    cause: { name: 'Error', message: 'duplicate key', code: '23505', stack: expect.any(String) },
  });
  expect(errorFields('a text')).toBe('a text');
});
