import { uuidV7 } from '@wayline/contracts';
import fc from 'fast-check';
import { samples } from '../inputs/samples.ts';
import { stepBytes, streamStep } from '../inputs/stream-inputs.ts';
import { sendStream } from '../send/send-stream.ts';
import { note } from './acknowledgements.ts';
import { type DoorsRun, PATIENCE_MS } from './doors-run.ts';
import { shown } from './fuzz-http.ts';
import { count, tell } from './fuzz-report.ts';
import { wrongWithProblem } from './judge-answer.ts';
import { inLanes } from './lanes.ts';

const LANES = 16;
/** Inputs of one connection. */
const STEPS = 10;

interface FrameAnswer {
  accepted?: number;
  ids?: string[];
  error?: { code: string; status: number };
}

/** WebSockets: whole messages are answered one by one; at what is none the connection ends, with a reason. */
export async function fuzzStreams(run: DoorsRun): Promise<void> {
  const { port, writeKey, time, seed, inputs, report, acknowledgements } = run;
  const connections = fc.array(streamStep(time), { minLength: STEPS, maxLength: STEPS });
  let number = 0;
  await inLanes(samples(connections, Math.ceil(inputs / STEPS), seed), LANES, async (steps) => {
    const requestId = `stream-${number++}`;
    const bytes = steps.map((step) => stepBytes(step, { id: uuidV7(Date.now()), writeKey }));
    const firstOdd = steps.findIndex(({ answered, frames }) => !answered && !frames.every(isPing));
    const until = firstOdd === -1 ? steps.length : firstOdd;
    const wanted = steps.slice(0, until).filter(({ answered }) => answered).length;
    const turns = { orderly: bytes.slice(0, until), wanted, odd: bytes.slice(until) };
    count(report.doors, 'WebSocket', steps.length);
    try {
      const { answers, closeCode } = await sendStream(turns, {
        port,
        writeKey,
        requestId,
        timeoutMs: PATIENCE_MS,
      });
      if (answers.length < wanted) throw new Error(`${answers.length} answers, of ${wanted} at least`);
      count(report.outcomes, `WebSocket closed ${closeCode ?? 'without a code'}`);
      const known = { least: 0, most: 0, ids: [] as string[] };
      for (const { accepted = 0, ids = [], error } of answers as FrameAnswer[]) {
        known.least += accepted;
        known.most += accepted;
        known.ids.push(...ids);
        count(report.outcomes, `frame ${error?.code ?? 'answered'}`);
        if (!error) continue;
        if (error.status >= 500 && error.status !== 503) throw new Error(`a frame failed: ${error.code}`);
        const wrong = wrongWithProblem(error);
        if (wrong) throw new Error(`${wrong}: ${JSON.stringify(error)}`);
      }
      report.acknowledged += known.least;
      note(acknowledgements, requestId, known, firstOdd !== -1);
    } catch (error) {
      tell(report, `WebSocket, ${requestId}: ${(error as Error).message}: ${shown(Buffer.concat(bytes))}`);
      note(acknowledgements, requestId, { least: 0, most: 0, ids: [] }, true);
    }
  });
}

const isPing = ({ fin, opcode, payload }: { fin: boolean; opcode: number; payload: Buffer }): boolean =>
  fin && (opcode === 9 || opcode === 10) && payload.length < 126;
