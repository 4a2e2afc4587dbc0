import { expect, test } from '@jest/globals';
import { PROBLEM_MEDIA_TYPE, problem } from '@wayline/contracts';
import { emptyReport } from '../src/run/fuzz-report.ts';
import { judgeAnswer, wrongWithProblem } from '../src/run/judge-answer.ts';

const refusal = problem('invalid_json', 'The body is not valid JSON.');
const stack = String(new TypeError('x is not a function').stack);

function judged(status: number, body: object | string, headers: Record<string, string> = {}): string[] {
  const report = emptyReport(1);
  const all = new Map(Object.entries({ 'content-type': PROBLEM_MEDIA_TYPE, ...headers }));
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  judgeAnswer(report, { status, headers: all, body: bytes }, 'an input');
  return report.wrong;
}

test.each([
  { name: 'what was taken', status: 202, body: { accepted: 1 } },
  { name: 'a refusal', status: 400, body: refusal },
  {
    name: 'a refusal for now',
    status: 503,
    body: problem('overloaded', 'Too much is in hand.'),
    headers: { 'retry-after': '1' },
  },
])('$name is as it should be', ({ status, body, headers }) => {
  expect(judged(status, body, headers)).toEqual([]);
});

test.each([
  { name: 'a fault of the server', status: 500, body: problem('internal', 'Something failed.') },
  { name: 'a fault of the server', status: 503, body: problem('overloaded', 'Too much is in hand.') },
  { name: 'a refusal as text/html', status: 400, body: '<h1>Bad</h1>', headers: { 'content-type': 'text/html' } },
  { name: 'a refusal that is no JSON', status: 400, body: '{' },
  { name: 'a refusal without a code', status: 400, body: { ...refusal, code: 'nothing' } },
  { name: 'a refusal of another form', status: 422, body: refusal },
  // Caught: planted into every refusal, it was not found.
  { name: 'a refusal that shows the inside', status: 400, body: { ...refusal, detail: stack } },
  { name: 'a refusal that shows the inside', status: 400, body: { ...refusal, errors: [{ message: stack }] } },
])('$name is told', ({ name, status, body, headers }) => {
  expect(judged(status, body, headers)).toEqual([expect.stringContaining(name)]);
});

test('a refused frame is judged like a refused request', () => {
  expect(wrongWithProblem(refusal)).toBeUndefined();
  expect(wrongWithProblem({ ...refusal, detail: stack })).toContain('the inside');
});
