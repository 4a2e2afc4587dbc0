import { machineSourceUses, machineTimeline } from '@wayline/store';
import { createCursors, pageOf } from './cursors.ts';
import { completenessFields, type Door, type Sources } from './door.ts';
import { eventsJson } from './event-json.ts';
import { usesOf } from './session-doors.ts';

/** All events of a machine over its sessions, ordered, and selected, by its own clock. */
export function timelineDoor(sources: Sources): Door {
  return async ({ projectId, id: machineId, parameters, signal }) => {
    const range = parameters.range();
    const limit = parameters.limit();
    const cursors = createCursors(['timeline', projectId, machineId, parameters.selection()], ['time', 'text', 'uuid']);
    const cursor = parameters.text('cursor');
    const after = cursor === undefined ? undefined : timelineKey(cursors.read(cursor));
    const complete = await sources.completeness();
    const found = await sources.read(
      (reader) => machineTimeline(reader, { projectId, machineId, range, limit: limit + 1, after }),
      signal,
    );
    const { items, nextCursor } = pageOf(found, limit, ({ occurredMs, sessionId, eventId }) =>
      cursors.write([occurredMs, sessionId, eventId]),
    );
    return { body: { json: eventsJson(items, { nextCursor, ...completenessFields(complete) }) } };
  };
}

function timelineKey(parts: readonly (string | number)[]) {
  const [occurredMs, sessionId, eventId] = parts as [number, string, string];
  return { occurredMs, sessionId, eventId };
}

/** Which microservices reported for a machine, in a range of corrected times. */
export function machineMicroservicesDoor(sources: Sources): Door {
  return async ({ projectId, id: machineId, parameters, signal }) => {
    const range = parameters.range();
    const complete = await sources.completeness();
    const uses = await sources.read((reader) => machineSourceUses(reader, { projectId, machineId }, range), signal);
    return { body: { microservices: usesOf(uses, 'microservice'), ...completenessFields(complete) } };
  };
}
