import { uuidV7 } from '@wayline/contracts';
import { httpInput, requestOf } from '../inputs/http-inputs.ts';
import { samples } from '../inputs/samples.ts';
import { wellFormed } from '../inputs/wire-inputs.ts';
import { openHttpLane } from '../send/http-lane.ts';
import { acknowledgedBy, note } from './acknowledgements.ts';
import { type DoorsRun, PATIENCE_MS } from './doors-run.ts';
import { count, tell } from './fuzz-report.ts';
import { judgeAnswer } from './judge-answer.ts';
import { inLanes } from './lanes.ts';

const LANES = 16;

/** Well-formed requests with odd and damaged bodies: each must be answered, and what is acknowledged be in the log. */
export async function fuzzHttp(run: DoorsRun): Promise<void> {
  const { port, writeKey, time, seed, inputs, report, acknowledgements } = run;
  const lanes = Array.from({ length: LANES }, () => openHttpLane(port));
  let number = 0;
  try {
    await inLanes(samples(httpInput(time), inputs, seed), LANES, async (input, lane) => {
      const requestId = `http-${number++}`;
      const request = requestOf(input, { id: uuidV7(Date.now()), writeKey });
      request.headers['x-request-id'] = requestId;
      count(report.doors, request.door);
      const bytes = wellFormed(request);
      try {
        const answer = await (lanes[lane] as (typeof lanes)[number]).ask(bytes, PATIENCE_MS);
        judgeAnswer(report, answer, `${request.door}, ${requestId}: ${shown(bytes)}`);
        const known = acknowledgedBy(answer, request.path, request.messages);
        report.acknowledged += known.least;
        note(acknowledgements, requestId, known);
      } catch (error) {
        tell(report, `${request.door}, ${requestId}: ${(error as Error).message}: ${shown(bytes)}`);
        note(acknowledgements, requestId, { least: 0, most: 0, ids: [] }, true);
      }
    });
  } finally {
    for (const lane of lanes) lane.close();
  }
}

/** As base64, so that the very bytes can be sent again. */
export const shown = (bytes: Buffer): string => bytes.toString('base64').slice(0, 1600);
