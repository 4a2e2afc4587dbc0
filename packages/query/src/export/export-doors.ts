import { type EventSelection, findSession, type LongReader, locateSession, readEvents } from '@wayline/store';
import type { Parameters } from '../parameters.ts';
import { unknownSession } from '../session-doors.ts';
import { chromeTrace } from './chrome-trace.ts';
import { csv, eventChunks, type LineForm, ndjson, type Tally } from './event-chunks.ts';
import { fileName } from './file-name.ts';
import { otlpTrace } from './otlp-trace.ts';
import type { StreamedAnswer } from './stream-answer.ts';
import type { StreamDoor } from './stream-handler.ts';
import { readShape } from './trace-shape.ts';

/** All events of a session, in its order. */
export const sessionExportDoor: StreamDoor = ({ projectId, id, parameters }) => {
  const type = parameters.text('type');
  return inLines(`session-${id}`, parameters, async (reader) => {
    const session = await locateSession(reader, projectId, id);
    if (!session) throw unknownSession(id);
    return { session, type };
  });
};

/** All events of a machine, ordered and selected by its own clock, as its timeline is. */
export const machineExportDoor: StreamDoor = ({ projectId, id, parameters }) => {
  const range = parameters.range();
  return inLines(`machine-${id}`, parameters, async () => ({ machine: id, projectId, range }));
};

/** All events of a project in a range of corrected times, in no order. */
export const projectExportDoor: StreamDoor = ({ projectId, parameters }) => {
  const range = parameters.range();
  const type = parameters.text('type');
  return inLines('events', parameters, async () => ({ project: projectId, range, type }));
};

/** A session for trace viewers. Two readings over one snapshot: the first for what is said of a source before its events. */
export const traceDoor: StreamDoor = ({ projectId, id, parameters }) => {
  const format = parameters.choice('format', ['otlp', 'chrome']) ?? 'otlp';
  return {
    contentType: 'application/json',
    fileName: fileName(`session-${id}`, `${format}.json`),
    async *chunks(reader, tally) {
      const place = await locateSession(reader, projectId, id);
      const session = place && (await findSession(reader, projectId, id));
      if (!place || !session) throw unknownSession(id);
      const spans = await readShape(readEvents(reader, { session: place }));
      for (const { events } of spans.values()) tally.events += events;
      const trace = { projectId, session, spans };
      if (format === 'chrome') yield* chromeTrace(trace, readEvents(reader, { session: place }));
      else yield* otlpTrace(trace, readEvents(reader, { session: place, order: 'source' }));
    },
  };
};

/** Events as lines of the format asked for. */
function inLines(
  name: string,
  parameters: Parameters,
  select: (reader: LongReader) => Promise<EventSelection>,
): StreamedAnswer {
  const format = parameters.choice('format', ['ndjson', 'csv']) ?? 'ndjson';
  const formulas = parameters.choice('formulas', ['keep', 'escape']) ?? 'keep';
  const form: LineForm = format === 'csv' ? csv(formulas) : ndjson();
  return {
    contentType: format === 'csv' ? 'text/csv; charset=utf-8; header=present' : 'application/x-ndjson',
    fileName: fileName(name, format),
    async *chunks(reader: LongReader, tally: Tally) {
      yield* eventChunks(reader, await select(reader), { form, tally });
    },
  };
}
