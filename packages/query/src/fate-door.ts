import { isUuid, ProblemError, uuidV7Time } from '@wayline/contracts';
import { type FoundDeadLetter, type FoundEvent, findDeadLetter, findEvent } from '@wayline/store';
import { type Answer, completenessFields, type Door, type Sources } from './door.ts';
import { eventJson } from './event-json.ts';
import { isoTime } from './iso-time.ts';

/**
 * What became of an event: `stored`, `dead-lettered`, or `unknown` (404) as far as the log has been read. Only an unknown one
 * is told with how far that is, which must be known before the search. Within a session the search is quick, and mostly
 * finds: there it comes first, and once more after the look.
 */
export function fateDoor(sources: Sources): Door {
  return async ({ projectId, id, parameters, signal }) => {
    if (!isUuid(id)) throw new ProblemError('invalid_request', 'The id of an event is a UUID.');
    const eventId = id.toLowerCase();
    const sessionId = parameters.text('sessionId');
    const nearMs = parameters.time('at') ?? uuidV7Time(eventId);
    const search = (): Promise<Answer | undefined> =>
      sources.read(async (reader) => {
        const event = await findEvent(reader, { projectId, eventId, sessionId, nearMs });
        if (event) return stored(event);
        const deadLetter = await findDeadLetter(reader, { projectId, eventId, sessionId });
        return deadLetter && deadLettered(deadLetter);
      }, signal);
    const foundFirst = sessionId === undefined ? undefined : await search();
    if (foundFirst) return foundFirst;
    const complete = await sources.completenessNow();
    return (await search()) ?? { status: 404, body: { fate: 'unknown', ...completenessFields(complete) } };
  };
}

function stored({ event, storedMs, topic, partition, offset, logId, others }: FoundEvent): Answer {
  const head = JSON.stringify({
    fate: 'stored',
    storedAt: storedMs === null ? null : isoTime(storedMs),
    topic,
    partition,
    offset,
    logId,
    ...(others > 0 && { others }),
  });
  return { body: { json: `${head.slice(0, -1)},"event":${eventJson(event)}}` } };
}

function deadLettered(found: FoundDeadLetter): Answer {
  const { id, code, detail, topic, partition, offset, logId, atMs, replayedMs, discardedMs } = found;
  return {
    body: {
      fate: 'dead-lettered',
      reason: code,
      detail,
      deadLetter: String(id),
      topic,
      partition,
      offset,
      logId,
      at: isoTime(atMs),
      ...(replayedMs !== null && { replayedAt: isoTime(replayedMs) }),
      ...(discardedMs !== null && { discardedAt: isoTime(discardedMs) }),
    },
  };
}
