import { ProblemError } from '@wayline/contracts';
import {
  type DeadLetterFilter,
  type DeadLetterState,
  deadLetterCauses,
  discardDeadLetter,
  discardDeadLetters,
  listDeadLetters,
  readDeadLetter,
} from '@wayline/store';
import { createCursors, pageOf } from '../cursors.ts';
import { type Asked, completenessFields, type Door, type Sources } from '../door.ts';
import { toCause, toListed, toShown } from './dead-letter-json.ts';

/** The parameters by which dead letters are selected. */
export const FILTERS = ['state', 'code', 'topic', 'cause', 'sessionId', 'from', 'to'];

const STATES: readonly string[] = ['open', 'replayed', 'discarded'] satisfies DeadLetterState[];

/** @throws ProblemError `invalid_request` */
export function filterOf({ projectId, parameters }: Asked): DeadLetterFilter {
  const state = parameters.text('state');
  if (state !== undefined && !STATES.includes(state)) {
    throw new ProblemError('invalid_request', `\`state\` must be one of ${STATES.join(', ')}.`);
  }
  return {
    projectId,
    state: state as DeadLetterState | undefined,
    code: parameters.text('code'),
    topic: parameters.text('topic'),
    cause: parameters.text('cause'),
    sessionId: parameters.text('sessionId'),
    range: parameters.range(),
  };
}

export const unknownDeadLetter = (id: string): ProblemError =>
  new ProblemError('not_found', `There is no dead letter ${JSON.stringify(id)} in this project.`);

/** The number of the dead letter in the address. */
export function idOf({ id }: Asked): number {
  if (/^[1-9]\d{0,14}$/.test(id)) return Number(id);
  throw unknownDeadLetter(id);
}

/** Dead letters, the one put aside last first. */
export function deadLettersDoor(sources: Sources): Door {
  return async (asked) => {
    const { projectId, parameters } = asked;
    const filter = filterOf(asked);
    const limit = parameters.limit();
    const cursors = createCursors(['dead letters', projectId, parameters.selection()], ['integer']);
    const cursor = parameters.text('cursor');
    const [after] = cursor === undefined ? [] : (cursors.read(cursor) as [number]);
    const complete = await sources.completeness();
    const found = await sources.read(
      (reader) => listDeadLetters(reader, { filter, limit: limit + 1, after }),
      asked.signal,
    );
    const { items, nextCursor } = pageOf(found, limit, ({ id }) => cursors.write([id]));
    return { body: { deadLetters: items.map(toListed), nextCursor, ...completenessFields(complete) } };
  };
}

/** What they have in common: by code and detail, without what is particular to one. */
export function causesDoor(sources: Sources): Door {
  return async (asked) => {
    const filter = filterOf(asked);
    const limit = asked.parameters.limit();
    const complete = await sources.completeness();
    const found = await sources.read((reader) => deadLetterCauses(reader, filter, limit + 1), asked.signal);
    return {
      body: {
        causes: found.slice(0, limit).map(toCause),
        ...(found.length > limit && { truncated: true }),
        ...completenessFields(complete),
      },
    };
  };
}

export function deadLetterDoor(sources: Sources): Door {
  return async (asked) => {
    const id = idOf(asked);
    const letter = await sources.read((reader) => readDeadLetter(reader, asked.projectId, id), asked.signal);
    if (!letter) throw unknownDeadLetter(asked.id);
    return { body: toShown(letter) };
  };
}

/** Marks one as not wanted; one that was, or is being, replayed stays what it is. */
export function discardDoor(sources: Sources): Door {
  return async (asked) => {
    const id = idOf(asked);
    const before = await sources.write((writer) => discardDeadLetter(writer, asked.projectId, id));
    if (before === undefined) throw unknownDeadLetter(asked.id);
    const outcome = before === 'open' ? 'discarded' : `already-${before}`;
    sources.logger.info({ ...asked.caller, deadLetter: asked.id, outcome }, 'a dead letter was discarded');
    return { body: { id: asked.id, outcome } };
  };
}

/** Marks those open that the filter selects, as many as `limit` says; `more` tells whether to ask again. */
export function discardAllDoor(sources: Sources): Door {
  return async (asked) => {
    const { state = 'open', ...filter } = filterOf(asked);
    if (state !== 'open') throw new ProblemError('invalid_request', 'Only what is open can be discarded.');
    const limit = asked.parameters.limit();
    const discarded = await sources.write((writer) => discardDeadLetters(writer, filter, limit));
    if (discarded > 0) sources.logger.info({ ...asked.caller, discarded }, 'dead letters were discarded');
    return { body: { discarded, more: discarded === limit } };
  };
}
