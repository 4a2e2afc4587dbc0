import { type ExportedDeadLetter, type ExportedItem, exportUser, type LongReader } from '@wayline/store';
import { eventJson } from '../event-json.ts';
import { fileName } from '../export/file-name.ts';
import type { StreamDoor } from '../export/stream-handler.ts';
import { isoTime } from '../iso-time.ts';
import { toSummary } from '../session-summary.ts';

/** All that is stored of a user, as NDJSON without the ends of lines: `{"kind": "event" | "session" | "deadLetter", …}`. */
export async function* exportLines(
  reader: LongReader,
  user: { projectId: number; userId: string },
): AsyncGenerator<string> {
  for await (const item of exportUser(reader, user)) yield lineOf(item);
}

/** The same as an answer of the API, of which the trailer counts the lines. */
export const userExportDoor: StreamDoor = ({ projectId, id }) => ({
  contentType: 'application/x-ndjson',
  fileName: fileName(`user-${id}`, 'ndjson'),
  async *chunks(reader, tally) {
    let text = '';
    for await (const line of exportLines(reader, { projectId, userId: id })) {
      text += `${line}\n`;
      tally.events += 1;
      if (text.length < CHUNK_LENGTH) continue;
      yield text;
      text = '';
    }
    yield text;
  },
});

const CHUNK_LENGTH = 32 * 1024;

function lineOf(item: ExportedItem): string {
  if ('event' in item) return `{"kind":"event",${eventJson(item.event).slice(1)}`;
  if ('session' in item) {
    // Whether it is idle is asked of a session that goes on; here it is told as it is stored.
    return JSON.stringify({ kind: 'session', ...toSummary(item.session, { completeMs: null, idleMs: 0 }) });
  }
  return JSON.stringify({ kind: 'deadLetter', ...deadLetterJson(item.deadLetter) });
}

function deadLetterJson({
  code,
  detail,
  logId,
  topic,
  partition,
  offset,
  logMs,
  value,
  replay,
}: ExportedDeadLetter): object {
  return {
    reason: code,
    detail,
    at: isoTime(logMs),
    logId,
    topic,
    partition,
    offset,
    ...bytesJson('value', value),
    ...(replay && bytesJson('replay', replay)),
  };
}

/** As text where they are UTF-8, else in base64 under a name that says so. */
function bytesJson(name: string, bytes: Buffer | null): object {
  const text = bytes?.toString() ?? null;
  if (bytes === null || text === null || Buffer.from(text).equals(bytes)) return { [name]: text };
  return { [`${name}Base64`]: bytes.toString('base64') };
}
