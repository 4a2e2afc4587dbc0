import {
  type EventError,
  type EventValidator,
  eventTimes,
  type IdentifiedEvent,
  judgeDirectEvent,
  KEY_HEADER,
  type KeySetting,
  keySettingKey,
  type LoggedEvent,
  type ProjectSetting,
  projectSettingKey,
  type RecordRefusal,
  type ReplayCode,
  readLoggedEvent,
  readRecordValue,
  recordEventId,
  storableTimeRefusal,
  TOPICS,
  timeError,
  timeWindow,
} from '@wayline/contracts';
import type { Principal, Verifier } from '@wayline/identity/verify';
import type { StoredDeadLetter } from '@wayline/store';

/** One reason why a dead letter is not replayed; `pointer` as in `EventError`. */
export interface ReplayError {
  pointer: string;
  code: ReplayCode;
  message: string;
}

/** What a replay is judged by beside the dead letter itself. */
export interface ReplayRules {
  projectId: number;
  validator: EventValidator;
  verifier: Pick<Verifier, 'writeKey'>;
  /** What is set for the project and its keys, by `settingKeysOf`. */
  settings: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  /** How far back an event may lie where the project has nothing set. */
  pastDays: number;
  /** Whether whoever replays may write times from 2000 on. */
  allowImport: boolean;
  /** Whether the write key of the record may have been revoked, or not be valid any more. */
  ignoreKey: boolean;
}

export type ReplayVerdict = { logged: LoggedEvent } | { errors: ReplayError[] };

const refusedAs = ({ code, detail }: RecordRefusal): ReplayVerdict => ({
  errors: [{ pointer: '', code, message: detail }],
});

/**
 * Judges a dead letter, or an edited copy of its event, as it would be judged if it came now, but received when the log
 * took it: what a service wrote, as the worker judges it; what was acknowledged at the door, as the worker reads it. An
 * edited copy has to be valid as at the door, and keeps the id of the event.
 */
export function judgeReplay(letter: StoredDeadLetter, edited: unknown, rules: ReplayRules): ReplayVerdict {
  const { disabledAt } = projectSetting(rules);
  if (disabledAt !== undefined && letter.logMs >= disabledAt) {
    return refusedAs({ code: 'disabled_project', detail: 'the project is closed' });
  }
  const copy = edited === undefined ? undefined : withOwnId(letter, edited);
  if (copy && 'errors' in copy) return copy;
  return letter.topic === TOPICS.direct ? judgeDirect(letter, copy, rules) : judgeAtDoor(letter, copy, rules);
}

/** The settings that `judgeReplay` asks for. */
export function settingKeysOf(letters: readonly StoredDeadLetter[], { projectId, verifier }: ReplayRules): string[] {
  const keys = letters.flatMap((letter) => keyOf(letter, verifier)?.id ?? []);
  return [projectSettingKey(projectId), ...new Set(keys.map((id) => keySettingKey(projectId, id)))];
}

type Copy = { json: unknown };

const projectSetting = ({ settings, projectId }: ReplayRules): ProjectSetting =>
  settings.get(projectSettingKey(projectId)) ?? {};

function keyOf({ headers }: StoredDeadLetter, verifier: ReplayRules['verifier']): Principal | undefined {
  const text = headers[KEY_HEADER];
  return text === undefined ? undefined : verifier.writeKey(text);
}

/** An event that is replayed stays the same event, so that replaying it twice stores it once. */
function withOwnId(letter: StoredDeadLetter, edited: unknown): Copy | { errors: ReplayError[] } {
  if (typeof edited !== 'object' || edited === null || Array.isArray(edited)) return { json: edited };
  const own = letter.eventId ?? recordEventId(letter);
  const { eventId } = edited as { eventId?: unknown };
  if (eventId === undefined) return { json: { ...edited, eventId: own } };
  if (typeof eventId === 'string' && eventId.toLowerCase() === own) return { json: edited };
  const message = `must be left out, or be ${own}: an edited copy is the same event`;
  return { errors: [{ pointer: '/eventId', code: 'not_allowed', message }] };
}

function judgeDirect(letter: StoredDeadLetter, copy: Copy | undefined, rules: ReplayRules): ReplayVerdict {
  const { projectId, validator, verifier, settings, ignoreKey } = rules;
  const { logMs } = letter;
  const key = keyOf(letter, verifier);
  if (!ignoreKey) {
    if (key?.projectId !== projectId) {
      return refusedAs({ code: 'unknown_key', detail: `the header \`${KEY_HEADER}\` holds no valid write key` });
    }
    const { revokedAt }: KeySetting = settings.get(keySettingKey(projectId, key.id)) ?? {};
    if (revokedAt !== undefined && logMs >= revokedAt) {
      return refusedAs({ code: 'revoked_key', detail: 'the write key of the record had been revoked' });
    }
  }
  const parsed = copy ?? readRecordValue(letter.value);
  if ('refused' in parsed) return refusedAs(parsed.refused);
  const window = windowOf(logMs, rules, key?.allowImport);
  const judged = judgeDirectEvent(parsed.json, { validator, place: letter, timeMs: logMs, window });
  if ('errors' in judged) return { errors: judged.errors };
  return storable({ project: projectId, receivedAt: logMs, event: judged.event });
}

function judgeAtDoor(letter: StoredDeadLetter, copy: Copy | undefined, rules: ReplayRules): ReplayVerdict {
  const { projectId, validator } = rules;
  const parsed = readRecordValue(letter.value);
  if (copy) {
    const { receivedMs, skewMs } = timesOf('json' in parsed ? parsed.json : undefined, letter.logMs);
    const errors = validator.validate(copy.json);
    if (errors.length > 0) return { errors };
    const event = copy.json as IdentifiedEvent;
    const late: EventError | undefined = timeError(event, { receivedMs, skewMs }, windowOf(receivedMs, rules));
    if (late) return { errors: [late] };
    return storable(envelope(projectId, { event, receivedMs, skewMs }));
  }
  if ('refused' in parsed) return refusedAs(parsed.refused);
  const read = readLoggedEvent(parsed.json, parsed.escaped);
  if ('refused' in read) return refusedAs(read.refused);
  if (read.projectId !== projectId) return refusedAs({ code: 'unreadable', detail: '/project is another project' });
  // PostgreSQL refused it once: where the event itself is to blame, there is no need to try.
  const errors = letter.code === 'unstorable' ? validator.validate(read.event) : [];
  return errors.length > 0 ? { errors } : storable(envelope(projectId, read));
}

function envelope(
  project: number,
  { event, receivedMs, skewMs }: { event: IdentifiedEvent; receivedMs: number; skewMs: number },
): LoggedEvent {
  return { project, receivedAt: receivedMs, ...(skewMs !== 0 && { skew: skewMs }), event };
}

function storable(logged: LoggedEvent): ReplayVerdict {
  const { keyMs } = eventTimes(logged.event, logged.receivedAt, logged.skew ?? 0);
  const refused = storableTimeRefusal(keyMs);
  return refused ? refusedAs(refused) : { logged };
}

function windowOf(receivedMs: number, rules: ReplayRules, keyAllowsImport = false) {
  const { pastDays = rules.pastDays, retentionDays } = projectSetting(rules);
  const allowImport = rules.allowImport || keyAllowsImport;
  return timeWindow(receivedMs, { allowImport, pastDays, retentionDays });
}

/** When the door received the event, as far as its envelope can be read. */
function timesOf(json: unknown, logMs: number): { receivedMs: number; skewMs: number } {
  const { receivedAt, skew = 0 } = (json ?? {}) as { receivedAt?: unknown; skew?: unknown };
  if (!Number.isSafeInteger(receivedAt) || !Number.isSafeInteger(skew)) return { receivedMs: logMs, skewMs: 0 };
  return { receivedMs: receivedAt as number, skewMs: skew as number };
}
