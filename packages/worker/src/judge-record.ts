import {
  createEventValidator,
  eventTimes,
  type IdentifiedEvent,
  isUuid,
  KEY_HEADER,
  TOPICS,
  timeError,
  timeWindow,
  uuidV8,
  type WaylineEvent,
} from '@wayline/contracts';
import type { LogRecord } from '@wayline/event-log';
import type { Verifier } from '@wayline/identity/verify';
import type { SettingsView } from '@wayline/settings';
import type { DeadLetter, JudgedRecord } from '@wayline/store';
import { readLoggedEvent } from './read-logged-event.ts';

export interface RecordOrigin {
  logId: string;
  topic: string;
  partition: number;
}

/** Decides for each record of the log: an event to store, or a dead letter with its reason. Never throws. */
export type RecordJudge = (record: LogRecord, origin: RecordOrigin) => JudgedRecord;

/** Earliest and latest times that a partition of `events` is made for: what lies outside is no time of an event. */
const EARLIEST_MS = Date.UTC(1, 0, 1);
const LATEST_MS = Date.UTC(9999, 0, 1);

type Refusal = { code: DeadLetter['code']; detail: string };
type Judgement = { projectId: number; event?: Partial<IdentifiedEvent> } & (
  | { refused: Refusal }
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

  function judgeDirect(record: LogRecord, { logId, topic, partition }: RecordOrigin): Judgement {
    const key = record.headers[KEY_HEADER]?.toString();
    const parsed = parseValue(record.value);
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
    if ('refused' in parsed) return { projectId, refused: parsed.refused };
    const problems = validator.validate(parsed.json);
    if (problems.length > 0) {
      const detail = problems.map(({ pointer, message }) => `${pointer || 'the event'}: ${message}`).join('; ');
      return { projectId, event: ids(), refused: { code: problems[0]?.code as string, detail } };
    }
    const given = parsed.json as WaylineEvent;
    const identified: IdentifiedEvent = {
      ...given,
      eventId: given.eventId?.toLowerCase() ?? uuidV8(logId, topic, partition, record.offset),
    };
    const received = { receivedMs: record.timeMs, skewMs: 0 };
    const late = timeError(identified, received, timeWindow(record.timeMs, { allowImport, pastDays, retentionDays }));
    if (late)
      return { projectId, event: identified, refused: { code: late.code, detail: `${late.pointer}: ${late.message}` } };
    return { projectId, event: identified, ...received };
  }

  function judgeAtDoor(record: LogRecord): Judgement {
    const parsed = parseValue(record.value);
    if ('refused' in parsed) return { projectId: 0, refused: parsed.refused };
    return readLoggedEvent(parsed.json, parsed.escaped);
  }

  return (record, origin) => {
    const judgement = origin.topic === TOPICS.direct ? judgeDirect(record, origin) : judgeAtDoor(record);
    const { projectId } = judgement;
    const { offset, timeMs, key, value, headers } = record;
    const place = { offset, timeMs, projectId, original: { key, value, headers } };
    if (!('refused' in judgement)) {
      const event = judgement.event as IdentifiedEvent;
      const times = eventTimes(event, judgement.receivedMs, judgement.skewMs);
      if (times.keyMs >= EARLIEST_MS && times.keyMs < LATEST_MS) {
        return { ...place, verdict: { store: { event, receivedMs: judgement.receivedMs, times } } };
      }
      return dead({ code: 'out_of_range', detail: `/occurredAt: ${times.keyMs} ms is no time that can be stored` });
    }
    return dead(judgement.refused);

    function dead({ code, detail }: Refusal): JudgedRecord {
      const { eventId, sessionId } = judgement.event ?? {};
      return { ...place, verdict: { deadLetter: { code, detail, eventId, sessionId } } };
    }
  };
}

const REFUSALS = {
  revoked: { code: 'revoked_key', detail: `the write key in the header \`${KEY_HEADER}\` had been revoked` },
  disabled: { code: 'disabled_project', detail: 'the project of the write key had been closed' },
} as const;

function refuse(projectId: number, code: DeadLetter['code'], detail: string): Judgement {
  return { projectId, refused: { code, detail } };
}

/** The ids of an event that is refused, as far as they are usable, so that it can be found. */
function claimedIds(json: unknown): Partial<IdentifiedEvent> {
  const { eventId, sessionId } = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  return {
    ...(typeof eventId === 'string' && isUuid(eventId) && { eventId: eventId.toLowerCase() }),
    ...(typeof sessionId === 'string' && { sessionId: sessionId.slice(0, 256) }),
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
/** First byte of the Confluent wire format: then four bytes of schema id, then the JSON. */
const FRAME = 0;
const FRAME_BYTES = 5;

/** `escaped`: the text has \u escapes, without which it can hold neither NUL nor half a surrogate pair. */
function parseValue(value: Buffer | null): { json: unknown; escaped: boolean } | { refused: Refusal } {
  if (value === null || value.length === 0) return { refused: { code: 'empty', detail: 'the record has no value' } };
  try {
    const text = utf8.decode(value[0] === FRAME ? value.subarray(FRAME_BYTES) : value);
    return { json: JSON.parse(text), escaped: text.includes('\\u') };
  } catch (error) {
    const detail = error instanceof SyntaxError ? `the value is not JSON: ${error.message}` : 'the value is not UTF-8';
    return { refused: { code: 'unreadable', detail } };
  }
}
