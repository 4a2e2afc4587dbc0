import { randomUUID } from 'node:crypto';
import { KEY_HEADER, REQUEST_ID_HEADER, schemaFrame } from '@wayline/contracts';
import type { NewRecord } from '@wayline/event-log';
import { generateEvents } from '@wayline/testkit';

/** What the log is filled with. Plain data, so that it can be handed to another process. */
export interface LoggedWorkload {
  /** Records, the repeated ones among them. */
  records: number;
  /** Of the records, the part that repeat an earlier one: 0 to 0.5. */
  repeatedShare: number;
  /** The events' times are spread over so many hours from `start` on. */
  hours: number;
  start: string;
  /** Of the generator. Default 1. */
  seed?: number;
  /** As services write them straight to Kafka: the event alone, with a key, and framed where there is a schema's id. */
  direct?: DirectRecords;
}

export interface DirectRecords {
  writeKey: string;
  schemaId?: number;
}

export interface LoggedRecord {
  record: NewRecord;
  eventId: string;
  /** It stands in the log already. */
  repeated: boolean;
}

const PROJECT = 1;
/** As long after its time as an event that was collected and sent in a batch. */
const RECEIVED_AFTER_MS = 250;
/** Records of one request have one object of headers. */
const EVENTS_PER_REQUEST = 100;
/** A repeated record comes so many events after the first: later than the transaction that stores that one. */
const REPEATED_AFTER = 20_000;

/** How many different events a workload has. */
export const eventsOf = ({ records, repeatedShare }: LoggedWorkload): number =>
  records - Math.round(records * repeatedShare);

/** The records as ingest, or a service, would write them, in the order in which they are appended. */
export function* loggedRecords(workload: LoggedWorkload): Generator<LoggedRecord, void, undefined> {
  const { records, hours, start, seed = 1 } = workload;
  const count = eventsOf(workload);
  const repeats = records - count;
  const distance = Math.min(REPEATED_AFTER, Math.ceil(count / 4));
  // Those at the end are left out, as far as enough others are there: they would come again at once.
  const span = Math.max(repeats, count - distance);
  const waiting: { due: number; logged: LoggedRecord }[] = [];
  const write = workload.direct ? directRecords(workload.direct) : ingestRecords();
  let at = 0;
  for (const line of generateEvents({ count, hours, start, seed })) {
    const logged = write(line, at);
    yield logged;
    // Spread evenly, without dice: event n is repeated where n × repeats / span passes a whole number.
    const isRepeated = at < span && Math.floor(((at + 1) * repeats) / span) > Math.floor((at * repeats) / span);
    if (isRepeated) waiting.push({ due: at + distance, logged: { ...logged, repeated: true } });
    while (waiting[0] && waiting[0].due <= at) yield (waiting.shift() as (typeof waiting)[number]).logged;
    at++;
  }
  for (const { logged } of waiting) yield logged;
}

type Write = (line: string, at: number) => LoggedRecord;

/** The envelope is put around the event's text as it is: to parse it would cost more than all the rest. */
export function ingestRecords(): Write {
  let headers = requestHeaders();
  return (line, at) => {
    if (at % EVENTS_PER_REQUEST === 0) headers = requestHeaders();
    const { eventId, sessionId, occurredAt } = fieldsOf(line);
    const receivedAt = Date.parse(occurredAt) + RECEIVED_AFTER_MS;
    const value = Buffer.from(`{"project":${PROJECT},"receivedAt":${receivedAt},"event":${line}}`);
    return { record: { key: sessionId, value, headers }, eventId, repeated: false };
  };
}

function directRecords({ writeKey, schemaId }: DirectRecords): Write {
  const headers = { [KEY_HEADER]: writeKey };
  const frame = schemaId === undefined ? undefined : schemaFrame(schemaId);
  return (line) => {
    const { eventId, sessionId } = fieldsOf(line);
    const value = frame ? Buffer.concat([frame, Buffer.from(line)]) : Buffer.from(line);
    return { record: { key: sessionId, value, headers }, eventId, repeated: false };
  };
}

const requestHeaders = (): NonNullable<NewRecord['headers']> => ({ [REQUEST_ID_HEADER]: randomUUID() });

const FIELDS = /^\{"eventId":"([^"]{36})","sessionId":"([^"]+)",.*?"occurredAt":"([^"]+)"/;

function fieldsOf(line: string): { eventId: string; sessionId: string; occurredAt: string } {
  const [, eventId, sessionId, occurredAt] = FIELDS.exec(line) ?? [];
  if (!eventId || !sessionId || !occurredAt) throw new Error(`An event is not as it was expected: ${line}`);
  return { eventId, sessionId, occurredAt };
}
