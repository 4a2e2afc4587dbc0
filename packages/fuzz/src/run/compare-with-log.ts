import { isUuid, type LoggedEvent, REQUEST_ID_HEADER, TOPICS } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import type { Acknowledgements } from './acknowledgements.ts';

export interface LogFindings {
  records: number;
  /** How many records have an id, of all in the log. */
  ids: Map<string, number>;
  wrong: string[];
}

/**
 * Reads all of the log's events, and holds them against what was acknowledged.
 * @param unanswered requests whose connection ended without an answer: what they brought may be in the log all the same, and
 *   under an id that is not known here, where damage met the header that names it
 */
export async function compareWithLog(
  log: EventLog,
  acknowledgements: Acknowledgements,
  unanswered: number,
): Promise<LogFindings> {
  const findings: LogFindings = { records: 0, ids: new Map(), wrong: [] };
  const found = new Map<string, { records: number; ids: Set<string> }>();
  for (const { partition, start, end } of await log.ranges(TOPICS.events)) {
    for (let offset = start; offset < end; ) {
      const record = await log.peek({ topic: TOPICS.events, partition, offset });
      if (!record) break;
      offset = record.offset + 1;
      findings.records++;
      const requestId = String(record.headers[REQUEST_ID_HEADER]);
      const { event } = JSON.parse(String(record.value)) as LoggedEvent;
      if (!isUuid(event.eventId) || event.sessionId !== String(record.key)) {
        findings.wrong.push(`The log holds a record that nobody can read, of request ${requestId}: ${record.value}`);
      }
      findings.ids.set(event.eventId, (findings.ids.get(event.eventId) ?? 0) + 1);
      const of = found.get(requestId) ?? { records: 0, ids: new Set() };
      of.records++;
      of.ids.add(event.eventId);
      found.set(requestId, of);
    }
  }
  for (const [requestId, { least, most, ids }] of acknowledgements) {
    const { records = 0, ids: logged } = found.get(requestId) ?? {};
    found.delete(requestId);
    if (records < least || records > most) {
      findings.wrong.push(
        `Request ${requestId} was acknowledged ${least} events (${most} at most); the log has ${records}.`,
      );
    }
    const missing = ids.filter((id) => !logged?.has(id));
    if (missing.length > 0) findings.wrong.push(`Request ${requestId}: the log lacks ${missing.join(', ')}.`);
  }
  if (found.size <= unanswered) return findings;
  for (const [requestId, { records }] of found) {
    findings.wrong.push(`The log has ${records} events of request ${requestId}, which was acknowledged none.`);
  }
  return findings;
}
