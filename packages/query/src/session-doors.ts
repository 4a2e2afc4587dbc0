import { ProblemError } from '@wayline/contracts';
import {
  findSession,
  gapsBefore,
  listSessions,
  locateSession,
  type Reader,
  type SeqGap,
  type SessionFilter,
  type SessionPlace,
  type SourceUse,
  sessionEvents,
  sessionGaps,
  sessionHops,
  sessionSourceUses,
} from '@wayline/store';
import { createCursors, pageOf } from './cursors.ts';
import { type Asked, completenessFields, type Door, type Sources } from './door.ts';
import { eventsJson } from './event-json.ts';
import { isoTime } from './iso-time.ts';
import { toSummary } from './session-summary.ts';

/** More hops than this are not told; the answer says so. */
const MAX_HOPS = 10_000;
/** The same of gaps of a whole session. */
const MAX_GAPS = 1_000;

export const unknownSession = (id: string): ProblemError =>
  new ProblemError('not_found', `No event of the session ${JSON.stringify(id)} is stored in this project.`);

/** Lists sessions; `fixed` tells which filter the address itself sets. */
export function sessionsDoor(sources: Sources, fixed?: 'userId' | 'machineId'): Door {
  return async ({ projectId, id, parameters, signal }) => {
    const filter: SessionFilter = {
      projectId,
      userId: fixed === 'userId' ? id : parameters.text('userId'),
      machineId: fixed === 'machineId' ? id : parameters.text('machineId'),
      machineTouched: fixed === 'machineId',
      app: parameters.text('app'),
      microservice: parameters.text('microservice'),
      type: parameters.text('type'),
      range: parameters.range(),
    };
    const limit = parameters.limit();
    const cursors = createCursors(['sessions', projectId, fixed, id, parameters.selection()], ['time', 'text']);
    const cursor = parameters.text('cursor');
    const [firstMs, sessionId] = cursor === undefined ? [] : (cursors.read(cursor) as [number, string]);
    const after = firstMs === undefined || sessionId === undefined ? undefined : { firstMs, sessionId };

    const complete = await sources.completeness();
    const found = await sources.read((reader) => listSessions(reader, { filter, limit: limit + 1, after }), signal);
    const { items, nextCursor } = pageOf(found, limit, (last) => cursors.write([last.firstMs, last.sessionId]));
    const rule = { completeMs: complete.throughMs, idleMs: sources.idleMs };
    return {
      body: {
        sessions: items.map((session) => toSummary(session, rule)),
        nextCursor,
        ...completenessFields(complete),
      },
    };
  };
}

export function sessionDoor(sources: Sources): Door {
  return async ({ projectId, id, signal }) => {
    const complete = await sources.completeness();
    const session = await sources.read((reader) => findSession(reader, projectId, id), signal);
    if (!session) throw unknownSession(id);
    return { body: toSummary(session, { completeMs: complete.throughMs, idleMs: sources.idleMs }) };
  };
}

/** Reads something of one session; 404 where there is none. */
async function readOfSession<T>(
  sources: Sources,
  { projectId, id, signal }: Asked,
  work: (reader: Reader, session: SessionPlace) => Promise<T>,
): Promise<T> {
  return sources.read(async (reader) => {
    const session = await locateSession(reader, projectId, id);
    if (!session) throw unknownSession(id);
    return work(reader, session);
  }, signal);
}

export function sessionEventsDoor(sources: Sources): Door {
  return async (asked) => {
    const { projectId, id, parameters } = asked;
    const limit = parameters.limit();
    const type = parameters.text('type');
    const cursors = createCursors(
      ['session events', projectId, id, parameters.selection()],
      ['time', 'uuid', 'integer', 'uuid', 'time'],
    );
    const cursor = parameters.text('cursor');
    const after = cursor === undefined ? undefined : eventKey(cursors.read(cursor));
    const { events, nextCursor, gaps } = await readOfSession(sources, asked, async (reader, session) => {
      const found = await sessionEvents(reader, session, { type, limit: limit + 1, after });
      const page = pageOf(found, limit, ({ key }) =>
        cursors.write([key.correctedMs, key.place, key.seq, key.eventId, key.occurredMs]),
      );
      const events = page.items.map(({ event }) => event);
      return { events, nextCursor: page.nextCursor, gaps: await gapsBefore(reader, session, events) };
    });
    return { body: { json: eventsJson(events, { gaps: gaps.map(gapJson), nextCursor }) } };
  };
}

function eventKey(parts: readonly (string | number)[]) {
  const [correctedMs, place, seq, eventId, occurredMs] = parts as [number, string, number, string, number];
  return { correctedMs, place, seq, eventId, occurredMs };
}

const gapJson = ({ source, after, before, missing, eventId }: SeqGap): object => ({
  source: source ?? null,
  after: after ?? null,
  before,
  missing,
  eventId,
});

/** Where numbers of a session are missing, over all of it. */
export function gapsDoor(sources: Sources): Door {
  return async (asked) => {
    const { gaps, missing } = await readOfSession(sources, asked, (reader, session) =>
      sessionGaps(reader, session, MAX_GAPS + 1),
    );
    return {
      body: { gaps: gaps.slice(0, MAX_GAPS).map(gapJson), missing, ...(gaps.length > MAX_GAPS && { truncated: true }) },
    };
  };
}

export function navigationDoor(sources: Sources): Door {
  return async (asked) => {
    const hops = await readOfSession(sources, asked, (reader, session) => sessionHops(reader, session, MAX_HOPS + 1));
    return {
      body: {
        hops: hops.slice(0, MAX_HOPS).map(({ from, to, atMs, page }) => ({ from, to, at: isoTime(atMs), page })),
        ...(hops.length > MAX_HOPS && { truncated: true }),
      },
    };
  };
}

export function componentsDoor(sources: Sources): Door {
  return async (asked) => {
    const uses = await readOfSession(sources, asked, sessionSourceUses);
    return { body: { apps: usesOf(uses, 'app'), microservices: usesOf(uses, 'microservice') } };
  };
}

/** Of one kind, as they are told. */
export function usesOf(uses: readonly SourceUse[], kind: SourceUse['kind']): object[] {
  return uses
    .filter((use) => use.kind === kind)
    .map(({ name, count, firstMs, lastMs }) => ({
      name,
      count,
      firstAt: isoTime(firstMs),
      lastAt: isoTime(lastMs),
    }));
}
