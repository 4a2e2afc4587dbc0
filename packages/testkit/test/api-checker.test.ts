import { describe, expect, test } from '@jest/globals';
import { type ApiDescription, describeApi } from '@wayline/contracts/api';
import { type AnswerToCheck, createApiChecker, exampleRequests } from '../src/index.ts';

const description: ApiDescription = describeApi({ roles: ['query'], version: '0', nowMs: Date.now() });
const JSON_TYPE = { 'content-type': 'application/json', 'x-request-id': 'r-1' };

const hour = {
  hour: '2026-11-20T12:00:00.000Z',
  ...{ read: 1, stored: 1, duplicate: 0, deadLettered: 0, erased: 0, expired: 0, removed: 0, balanced: true },
};
const ledger = { hours: [hour], unattributed: [], pending: 0, completeThrough: hour.hour, lagging: [] };
const problem = {
  ...{ type: 'urn:wayline:problem:forbidden', title: 't', status: 403, detail: 'd', code: 'forbidden' },
  retryable: false,
};

function answer(body: unknown, other: Partial<AnswerToCheck> & { type?: string; more?: object } = {}): AnswerToCheck {
  const { type = 'application/json', more = {}, ...rest } = other;
  const headers = new Headers({ ...JSON_TYPE, ...more, 'content-type': type });
  return { method: 'GET', path: '/v1/ledger', status: 200, headers, text: JSON.stringify(body), ...rest };
}
const asProblem = { status: 403, type: 'application/problem+json' };

describe('an answer is held against the description', () => {
  test('and passes where it is as described', () => {
    const { check } = createApiChecker(description);
    check(answer(ledger));
    check(answer(ledger, { type: 'application/json; charset=utf-8', path: '/v1/ledger/?from=1' }));
    check(answer({ ...ledger, completeThrough: null, completeThroughReason: 'away', lagging: undefined }));
    check(answer(problem, asProblem));
    check(answer({}, { method: 'PUT', status: 405 }));
    check(answer({}, { path: '/v1/other', status: 404 }));
    check(answer({}, { method: 'HEAD', text: '' }));
  });

  test.each([
    { what: 'a field that is not described', given: answer({ ...ledger, other: 1 }), says: /additional properties/ },
    { what: 'such a field within', given: answer({ ...ledger, hours: [{ ...hour, other: 1 }] }), says: /\/hours\/0/ },
    {
      what: 'a field that is absent',
      given: answer({ ...ledger, hours: undefined }),
      says: /required property 'hours'/,
    },
    { what: 'a value of another type', given: answer({ ...ledger, pending: '1' }), says: /\/pending must be/ },
    { what: 'no time', given: answer({ ...ledger, completeThrough: 'now' }), says: /date-time/ },
    { what: 'another status', given: answer(ledger, { status: 418 }), says: /status is not described/ },
    { what: 'another media type', given: answer(ledger, { type: 'text/plain' }), says: /media type text\/plain/ },
    { what: 'another header', given: answer(ledger, { more: { 'wayline-x': '1' } }), says: /headers wayline-x/ },
    { what: 'another code', given: answer({ ...problem, code: 'no_data' }, asProblem), says: /without no_data/ },
    { what: 'another route', given: answer(ledger, { path: '/v1/other' }), says: /is not described/ },
    { what: 'another method', given: answer(ledger, { method: 'POST' }), says: /is not described/ },
  ])('and fails with $what', ({ given, says }) => {
    expect(() => createApiChecker(description).check(given)).toThrow(says);
  });

  test('what was not seen is told: operations, statuses, codes, headers, fields, also those of optional parts', () => {
    const { check, unseen } = createApiChecker(description);
    check(answer(ledger));
    check(answer(problem, asProblem));
    const left = unseen().filter((each) => /^(readLedger|LedgerHour|Laggard)\b/.test(each));
    expect(left).toEqual(
      expect.arrayContaining([
        'Laggard.records',
        'readLedger 200.completeThroughReason',
        'readLedger 401',
        'readLedger 401 unauthenticated',
        'readLedger 401 header WWW-Authenticate',
      ]),
    );
    expect(left).not.toContain('readLedger 200');
    expect(left).not.toContain('readLedger 403 forbidden');
    expect(left.some((each) => each.startsWith('LedgerHour'))).toBe(false);
  });
});

test('an example of the description makes a request of its own for each body, with the address filled in', () => {
  const examples = exampleRequests(description);
  expect(examples.filter(({ path }) => /[{}]/.test(path))).toEqual([]);
  expect(examples).toContainEqual({
    ...{ operationId: 'listSessions', method: 'GET', path: '/v1/sessions?userId=u-7&limit=10' },
    ...{ scope: 'read', status: 200 },
  });
  const writes = exampleRequests(describeApi({ roles: ['ingest'], version: '0', nowMs: 0 }));
  const sent = writes.filter(({ operationId }) => operationId === 'sendEvents');
  expect(new Set(sent.map(({ contentType }) => contentType)).size).toBe(5);
});
