import {
  type IdentifiedEvent,
  type LoggedEvent,
  ProblemError,
  REPLAY_HEADER,
  REQUEST_ID_HEADER,
  TOPICS,
} from '@wayline/contracts';
import { type EventLog, LogUnavailableError, type NewRecord, RecordTooLargeError } from '@wayline/event-log';
import {
  forgetReplays,
  markReplayed,
  type PreparedReplay,
  prepareReplays,
  type StoredDeadLetter,
  type Writer,
} from '@wayline/store';
import { judgeReplay, type ReplayError, type ReplayRules } from './judge-replay.ts';

/** What came, or on trial would come, of replaying a dead letter. */
export type ReplayResult = { id: number } & (
  | { outcome: 'replayed'; event: IdentifiedEvent; replayedMs: number }
  | { outcome: 'would-replay'; event: IdentifiedEvent }
  | { outcome: 'refused'; errors: ReplayError[] }
);

/** Says of an event that it must not be stored, because the data of its user were erased. */
export type IsErased = (projectId: number, event: IdentifiedEvent, receivedMs: number) => boolean | Promise<boolean>;

export interface ReplayOptions {
  rules: ReplayRules;
  log: Pick<EventLog, 'append'>;
  write<T>(work: (writer: Writer) => Promise<T>): Promise<T>;
  isErased: IsErased;
  requestId: string;
  dryRun: boolean;
}

interface Replay extends PreparedReplay {
  logged: LoggedEvent;
  letter: StoredDeadLetter;
}

/**
 * Replays dead letters into `wayline.events`, those of a session in the order in which the log had them. Each is fixed in
 * the database before it is appended and marked afterwards: so it may be tried again at any point, by anybody, and is
 * the same event. A `ProblemError` where the log cannot take them now; then none is marked.
 * @param edited takes the place of the event of the only dead letter; undefined: they are replayed as they are
 */
export async function replayLetters(
  letters: readonly StoredDeadLetter[],
  edited: unknown,
  options: ReplayOptions,
): Promise<ReplayResult[]> {
  const results = new Map<number, ReplayResult>();
  const refuse = (id: number, errors: ReplayError[]) => results.set(id, { id, outcome: 'refused', errors });
  const replays: Replay[] = [];
  for (const letter of letters) {
    const replay = await toReplay(letter, edited, options);
    if ('errors' in replay) refuse(letter.id, replay.errors);
    else replays.push(replay);
  }
  if (options.dryRun) {
    for (const { id, logged } of replays) results.set(id, { id, outcome: 'would-replay', event: logged.event });
  } else {
    const fixed = replays.length > 0 ? await fix(replays, { edited: edited !== undefined, refuse }, options) : [];
    const { done, replayedMs } = fixed.length > 0 ? await carryOut(fixed, refuse, options) : NOTHING_DONE;
    for (const { id, logged } of done) results.set(id, { id, outcome: 'replayed', event: logged.event, replayedMs });
  }
  return letters.flatMap(({ id }) => results.get(id) ?? []);
}

type Refuse = (id: number, errors: ReplayError[]) => void;

const NOTHING_DONE = { done: [], replayedMs: 0 };

/** Appends the replays, then marks them. */
async function carryOut(
  replays: readonly Replay[],
  refuse: Refuse,
  options: ReplayOptions,
): Promise<{ done: Replay[]; replayedMs: number }> {
  const { write, rules } = options;
  const tooLarge = await append([...replays].sort(compareReplays), options);
  const done = replays.filter(({ id }) => !tooLarge.has(id));
  const replayedMs = await write(async (writer) => {
    if (tooLarge.size > 0) await forgetReplays(writer, rules.projectId, [...tooLarge]);
    return markReplayed(writer, rules.projectId, idsOf(done));
  });
  for (const id of tooLarge) {
    refuse(id, [{ pointer: '', code: 'too_large', message: 'the log does not take a record of this size' }]);
  }
  return { done, replayedMs };
}

const idsOf = (replays: readonly Replay[]): number[] => replays.map(({ id }) => id);

async function toReplay(
  letter: StoredDeadLetter,
  edited: unknown,
  { rules, isErased }: ReplayOptions,
): Promise<Replay | { errors: ReplayError[] }> {
  const { replayValue: begun } = letter;
  const verdict = begun && edited === undefined ? { logged: loggedIn(begun) } : judgeReplay(letter, edited, rules);
  if ('errors' in verdict) return verdict;
  const { logged } = verdict;
  if (await isErased(rules.projectId, logged.event, logged.receivedAt)) {
    return { errors: [{ pointer: '', code: 'erased', message: 'the data of its user were erased' }] };
  }
  if (begun && edited === undefined) return replayOf(letter, logged, begun);
  const replay = replayOf(letter, logged, Buffer.from(JSON.stringify(logged)));
  return begun && !begun.equals(replay.value) ? { errors: [alreadyReplayed(letter)] } : replay;
}

const loggedIn = (value: Buffer): LoggedEvent => JSON.parse(value.toString()) as LoggedEvent;

function replayOf(letter: StoredDeadLetter, logged: LoggedEvent, value: Buffer): Replay {
  const { eventId, sessionId } = logged.event;
  return { id: letter.id, value, eventId, sessionId, logged, letter };
}

function alreadyReplayed({ replayedMs }: Pick<StoredDeadLetter, 'replayedMs'>): ReplayError {
  const when = replayedMs === null ? 'is being replayed' : `was replayed at ${new Date(replayedMs).toISOString()}`;
  const message = `it ${when} as another copy, which may be in the log; it can be replayed again as that copy only`;
  return { pointer: '', code: 'already_replayed', message };
}

/** Fixes the replays; where another one was quicker, that is what is replayed, unless this one is an edited copy. */
async function fix(
  replays: readonly Replay[],
  { edited, refuse }: { edited: boolean; refuse: Refuse },
  { write, rules }: ReplayOptions,
): Promise<Replay[]> {
  const values = await write((writer) => prepareReplays(writer, rules.projectId, replays));
  return replays.flatMap((replay) => {
    const value = values.get(replay.id);
    if (!value || value.equals(replay.value)) return value ? [replay] : [];
    if (!edited) return [replayOf(replay.letter, loggedIn(value), value)];
    refuse(replay.id, [alreadyReplayed({ replayedMs: null })]);
    return [];
  });
}

/** By session, then as the log had them: ids rise along each partition. */
function compareReplays(a: Replay, b: Replay): number {
  if (a.sessionId !== b.sessionId) return a.sessionId < b.sessionId ? -1 : 1;
  return a.letter.logMs - b.letter.logMs || a.id - b.id;
}

/** Resolves with the ids of those that the log can never take, once all others are durable. */
async function append(
  replays: readonly Replay[],
  options: Pick<ReplayOptions, 'log' | 'requestId'>,
): Promise<Set<number>> {
  const { log, requestId } = options;
  const records = replays.map(
    ({ id, sessionId, value }): NewRecord => ({
      key: sessionId,
      value,
      headers: { [REPLAY_HEADER]: String(id), [REQUEST_ID_HEADER]: requestId },
    }),
  );
  try {
    await log.append(TOPICS.events, records);
  } catch (error) {
    if (error instanceof LogUnavailableError) throw unavailable(error);
    if (!(error instanceof RecordTooLargeError)) throw error;
    if (replays.length === 1) return new Set(idsOf(replays));
    const tooLarge = new Set<number>();
    for (const replay of replays) for (const id of await append([replay], options)) tooLarge.add(id);
    return tooLarge;
  }
  return new Set();
}

function unavailable({ reason }: LogUnavailableError): ProblemError {
  const again = 'no dead letter was marked as replayed, try it again: nothing is stored twice.';
  return reason === 'busy'
    ? new ProblemError('overloaded', `Too much is being written; ${again}`, { retryAfterSeconds: 1 })
    : new ProblemError('log_unavailable', `The event log does not take events; ${again}`, { retryAfterSeconds: 5 });
}
