import { PROBLEM_CODES, PROBLEM_MEDIA_TYPE } from '@wayline/contracts';
import type { HttpAnswer } from '../send/read-answers.ts';
import { count, type FuzzReport, tell } from './fuzz-report.ts';

/**
 * Never a fault of the server's: not 500, and 503 only with a word on when to come again. What refuses is a problem
 * document that says nothing of the inside.
 */
export function judgeAnswer(report: FuzzReport, { status, headers, body }: HttpAnswer, what: string): void {
  count(report.outcomes, `HTTP ${status}`);
  const isFault = status >= 500 && !(status === 503 && headers.has('retry-after'));
  const wrong = isFault ? 'a fault of the server' : status >= 400 && wrongWithRefusal(status, headers, String(body));
  if (wrong) tell(report, `${status}, ${wrong}: ${body}, for ${what}`);
}

function wrongWithRefusal(status: number, headers: HttpAnswer['headers'], body: string): string | undefined {
  if (headers.get('content-type') !== PROBLEM_MEDIA_TYPE) return `a refusal as ${headers.get('content-type')}`;
  try {
    return wrongWithProblem(JSON.parse(body), status);
  } catch {
    return 'a refusal that is no JSON';
  }
}

/** @returns what is wrong with a problem document, of HTTP or of a frame */
export function wrongWithProblem(problem: unknown, status?: number): string | undefined {
  const { code, status: told, detail } = (problem ?? {}) as { code?: string; status?: number; detail?: unknown };
  if (code === undefined || !Object.hasOwn(PROBLEM_CODES, code)) return 'a refusal without a code that is documented';
  if (typeof detail !== 'string' || (status !== undefined && told !== status)) return 'a refusal of another form';
  return INSIDE.test(JSON.stringify(problem)) ? 'a refusal that shows the inside' : undefined;
}

/** A line of a stack, a file of ours, or a class of errors. */
const INSIDE = /\\n\s+at |node:internal|file:\/\/|\/(dist|src|node_modules)\/|\b[A-Z]\w*Error\b/;
