import { uuidV7 } from '@wayline/contracts';
import { requestOf } from '../inputs/http-inputs.ts';
import { samples } from '../inputs/samples.ts';
import { wireBytes, wireInput } from '../inputs/wire-inputs.ts';
import { readAnswers } from '../send/read-answers.ts';
import { sendPieces } from '../send/send-pieces.ts';
import { acknowledgedBy, note } from './acknowledgements.ts';
import { type DoorsRun, PATIENCE_MS } from './doors-run.ts';
import { shown } from './fuzz-http.ts';
import { count, tell, UNANSWERED } from './fuzz-report.ts';
import { judgeAnswer } from './judge-answer.ts';
import { inLanes } from './lanes.ts';

const LANES = 48;
const QUIET_MS = 150;

/** Requests that are wrong on the wire: the server must come to an end with each, and what it acknowledged be in the log. */
export async function fuzzWire(run: DoorsRun): Promise<void> {
  const { port, writeKey, time, seed, inputs, report, acknowledgements } = run;
  let number = 0;
  await inLanes(samples(wireInput(time), inputs, seed), LANES, async (input) => {
    const requestId = `wire-${number++}`;
    const request = requestOf(input.http, { id: uuidV7(Date.now()), writeKey });
    request.headers['x-request-id'] = requestId;
    const pieces = wireBytes(input, request);
    const what = `HTTP, ${input.how.kind}`;
    count(report.doors, what);
    // The answer may have been lost with the connection, or the request's own id have been damaged.
    note(acknowledgements, requestId, { least: 0, most: 0, ids: [] }, true);
    try {
      const { answers, rest } = readAnswers(
        await sendPieces(pieces, { port, quietMs: QUIET_MS, timeoutMs: PATIENCE_MS }),
      );
      if (rest.length > 0) throw new Error(`half an answer: ${rest}`);
      if (answers.length === 0) count(report.outcomes, UNANSWERED);
      for (const answer of answers) {
        judgeAnswer(report, answer, `${what}, ${requestId}: ${shown(Buffer.concat(pieces))}`);
        const known = acknowledgedBy(answer, request.path);
        report.acknowledged += known.least === 0 ? 0 : 1;
        const least = Math.min(known.least, 1); // the path may have been damaged into another door's
        note(acknowledgements, answer.headers.get('x-request-id') ?? requestId, { ...known, least }, true);
      }
    } catch (error) {
      tell(report, `${what}, ${requestId}: ${(error as Error).message}: ${shown(Buffer.concat(pieces))}`);
    }
  });
}
