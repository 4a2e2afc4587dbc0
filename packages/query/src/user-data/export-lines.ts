import { type ExportedDeadLetter, type ExportedItem, exportUser, type Reader } from '@wayline/store';
import { eventJson } from '../event-json.ts';
import { isoTime } from '../iso-time.ts';
import { toSummary } from '../session-summary.ts';

/** All that is stored of a user, as NDJSON without the ends of lines: `{"kind": "event" | "session" | "deadLetter", …}`. */
export async function* exportLines(
  reader: Reader,
  user: { projectId: number; userId: string },
): AsyncGenerator<string> {
  for await (const item of exportUser(reader, user)) yield lineOf(item);
}

function lineOf(item: ExportedItem): string {
  if ('event' in item) return `{"kind":"event",${eventJson(item.event).slice(1)}`;
  if ('session' in item) {
    // Whether it is idle is asked of a session that goes on; here it is told as it is stored.
    return JSON.stringify({ kind: 'session', ...toSummary(item.session, { completeMs: null, idleMs: 0 }) });
  }
  return JSON.stringify({ kind: 'deadLetter', ...deadLetterJson(item.deadLetter) });
}

function deadLetterJson({ code, detail, logId, topic, partition, offset, logMs, value }: ExportedDeadLetter): object {
  const text = value?.toString();
  const isText = text !== undefined && value !== null && Buffer.from(text).equals(value);
  return {
    reason: code,
    detail,
    at: isoTime(logMs),
    logId,
    topic,
    partition,
    offset,
    ...(isText ? { value: text } : { valueBase64: value?.toString('base64') ?? null }),
  };
}
