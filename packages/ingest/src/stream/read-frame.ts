import { LIMITS, ProblemError } from '@wayline/contracts';
import { type EventsBody, tooManyEvents } from '../parse-events-body.ts';
import { parseJson } from '../parse-json.ts';

/** How a client names a frame: given back with its answer, and meaning nothing to us. */
export type FrameId = string | number;

export interface Frame {
  id: FrameId;
  body: EventsBody;
}

/** A frame that is refused as a whole; `id` as far as it is known. */
export class FrameRefusal extends Error {
  override readonly name = 'FrameRefusal';
  readonly id: FrameId | null;
  readonly problem: ProblemError;

  constructor(id: FrameId | null, problem: ProblemError) {
    super(problem.message);
    this.id = id;
    this.problem = problem;
  }
}

const LONGEST_ID = 128;

const isId = (value: unknown): value is FrameId =>
  Number.isSafeInteger(value) || (typeof value === 'string' && value.length >= 1 && value.length <= LONGEST_ID);

/** Reads `{id, sentAt?, events}`. @throws FrameRefusal */
export function readFrame(text: string): Frame {
  const value = withoutId(() => parseJson(text));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refusal(null, 'A frame must be an object `{id, sentAt, events}`.');
  }
  const { id, events, sentAt, ...others } = value as Record<string, unknown>;
  if (!isId(id)) throw refusal(null, `\`/id\` must be a text of 1 to ${LONGEST_ID} characters, or a whole number.`);
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw refusal(id, `\`/${unknown.slice(0, 128)}\` is not a field of \`{id, sentAt, events}\`.`);
  }
  if (!Array.isArray(events)) throw refusal(id, '`/events` must be a list of events.');
  if (events.length > LIMITS.eventsPerRequest) throw new FrameRefusal(id, tooManyEvents());
  return { id, body: { items: events, sentAt } };
}

const refusal = (id: FrameId | null, detail: string): FrameRefusal =>
  new FrameRefusal(id, new ProblemError('invalid_request', detail));

function withoutId<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof ProblemError ? new FrameRefusal(null, error) : error;
  }
}
