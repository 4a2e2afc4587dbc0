import {
  claimedIds,
  createEventValidator,
  type EventError,
  eventTimes,
  type IdentifiedEvent,
  judgeDirectEvent,
  KEY_HEADER,
  type RecordRefusal,
  readLoggedEvent,
  readRecordValue,
  schemaIdOf,
  storableTimeRefusal,
  TOPICS,
  timeWindow,
} from '@wayline/contracts';
import type { LogRecord } from '@wayline/event-log';
import type { Verifier } from '@wayline/identity/verify';
import type { SettingsView } from '@wayline/settings';
import type { EventTable, JudgedRecord } from '@wayline/store';
import type { SchemaRefusals } from './direct-schemas.ts';

export interface RecordOrigin {
  logId: string;
  topic: string;
  partition: number;
  /** What a schema registry says of the records' frames; absent: frames are passed over. */
  schemas?: SchemaRefusals | undefined;
}

/**
 * Decides for each record of the log: an event to store, or a dead letter with its reason. Never throws.
 * @param table takes the events that need not be read in full; without it all are
 */
export type RecordJudge = (record: LogRecord, origin: RecordOrigin, table?: EventTable) => JudgedRecord;

type Judgement = { projectId: number; event?: Partial<IdentifiedEvent> } & (
  | { refused: RecordRefusal }
  | { receivedMs: number; skewMs: number }
);

/**
 * Records of `wayline.events` were judged at the door: only what PostgreSQL cannot hold is refused. Records of
 * `wayline.direct` are authenticated by their key and validated in full. They are judged as of the time at which the log took
 * them, so that a record that is read again, however late, meets the same judgement.
 */
export function createRecordJudge({
  verifier,
  settings,
}: {
  verifier: Verifier;
  settings: Pick<SettingsView, 'key'>;
}): RecordJudge {
  const validator = createEventValidator();

  function judgeDirect(record: LogRecord, { logId, topic, partition, schemas }: RecordOrigin): Judgement {
    const key = record.headers[KEY_HEADER]?.toString();
    const parsed = readRecordValue(record.value);
    // Whatever is refused is looked for by its id, be it only by an operator.
    const ids = () => ('json' in parsed ? claimedIds(parsed.json) : {});
    if (!key) return { ...refuse(0, 'missing_key', `the header \`${KEY_HEADER}\` is absent`), event: ids() };
    const principal = verifier.writeKey(key);
    if (!principal) {
      return { ...refuse(0, 'unknown_key', `the header \`${KEY_HEADER}\` holds no valid write key`), event: ids() };
    }
    const { projectId, allowImport } = principal;
    const { refused, refusedAtMs = 0, pastDays, retentionDays } = settings.key(projectId, principal.id);
    if (refused && record.timeMs >= refusedAtMs) return { projectId, event: ids(), refused: REFUSALS[refused] };
    const wrong = schemas?.get(schemaIdOf(record.value) ?? -1);
    if (wrong) return { projectId, event: ids(), refused: wrong };
    if ('refused' in parsed) return { projectId, refused: parsed.refused };
    const { timeMs, offset } = record;
    const judged = judgeDirectEvent(parsed.json, {
      validator,
      place: { logId, topic, partition, offset },
      timeMs,
      window: timeWindow(timeMs, { allowImport, pastDays, retentionDays }),
    });
    if (!('errors' in judged)) return { projectId, event: judged.event, receivedMs: timeMs, skewMs: 0 };
    const detail = judged.errors.map(({ pointer, message }) => `${pointer || 'the event'}: ${message}`).join('; ');
    return { projectId, event: judged.event, refused: { code: (judged.errors[0] as EventError).code, detail } };
  }

  function judgeAtDoor(record: LogRecord): Judgement {
    const parsed = readRecordValue(record.value);
    if ('refused' in parsed) return { projectId: 0, refused: parsed.refused };
    return readLoggedEvent(parsed.json, parsed.escaped);
  }

  return (record, origin, table) => {
    const row = table && origin.topic === TOPICS.events ? addTo(table, record) : NO_ROW;
    if (table && row !== NO_ROW) {
      const { offset, timeMs } = record;
      return { offset, timeMs, projectId: table.projectOf(row), original: record, verdict: { row } };
    }
    const judgement = origin.topic === TOPICS.direct ? judgeDirect(record, origin) : judgeAtDoor(record);
    if ('refused' in judgement) return deadLetter(record, judgement, judgement.refused);
    const event = judgement.event as IdentifiedEvent;
    const { projectId, receivedMs, skewMs } = judgement;
    const times = eventTimes(event, receivedMs, skewMs);
    const unstorable = storableTimeRefusal(times.keyMs);
    if (unstorable) return deadLetter(record, judgement, unstorable);
    const { offset, timeMs } = record;
    return { offset, timeMs, projectId, original: record, verdict: { store: { event, receivedMs, times } } };
  };
}

const NO_ROW = -1;

function addTo(table: EventTable, record: LogRecord): number {
  const { valueIn, valueStart, valueEnd } = record;
  if (valueIn && valueStart !== undefined && valueEnd !== undefined) {
    return table.addLogged(valueIn, valueStart, valueEnd);
  }
  const { value } = record;
  return value ? table.addLogged(value, 0, value.length) : NO_ROW;
}

function deadLetter(record: LogRecord, { projectId, event }: Judgement, { code, detail }: RecordRefusal): JudgedRecord {
  const { offset, timeMs } = record;
  const { eventId, sessionId } = event ?? {};
  return { offset, timeMs, projectId, original: record, verdict: { deadLetter: { code, detail, eventId, sessionId } } };
}

const REFUSALS = {
  revoked: { code: 'revoked_key', detail: `the write key in the header \`${KEY_HEADER}\` had been revoked` },
  disabled: { code: 'disabled_project', detail: 'the project of the write key had been closed' },
} as const;

function refuse(projectId: number, code: RecordRefusal['code'], detail: string): Judgement {
  return { projectId, refused: { code, detail } };
}
