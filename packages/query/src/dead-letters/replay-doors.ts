import { createEventValidator, LIMITS, ProblemError } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import type { Verifier } from '@wayline/identity/verify';
import { readDeadLetter, readDeadLetters, readSettings, type StoredDeadLetter } from '@wayline/store';
import { createCursors } from '../cursors.ts';
import type { Asked, Door, Sources } from '../door.ts';
import { filterOf, idOf, unknownDeadLetter } from './dead-letter-doors.ts';
import { toResult } from './dead-letter-json.ts';
import { type ReplayRules, settingKeysOf } from './judge-replay.ts';
import { type IsErased, type ReplayResult, replayLetters } from './replay-letters.ts';

export interface ReplayDoorOptions {
  sources: Sources;
  log: Pick<EventLog, 'append'>;
  verifier: Verifier;
  /** How far back an event may lie where the project has nothing set. */
  pastDays?: number;
  isErased: IsErased;
}

export interface ReplayDoors {
  /** `POST /v1/dead-letters/{id}/replay` `{event?, dryRun?, ignoreKey?}` */
  one: Door;
  /** `POST /v1/dead-letters/replay?…` `{dryRun?, ignoreKey?}` */
  selected: Door;
}

/** Bytes of dead letters that one request reads. */
const PAGE_BYTES = 4 * 1024 * 1024;

/** The doors that replay dead letters. Compiles the event's schema (some ms). */
export function createReplayDoors(options: ReplayDoorOptions): ReplayDoors {
  const { sources, log, verifier, pastDays = LIMITS.pastDays, isErased } = options;
  const validator = createEventValidator();

  async function replay(letters: readonly StoredDeadLetter[], edited: unknown, asked: Asked): Promise<ReplayResult[]> {
    const { projectId, allowImport, requestId, caller, body } = asked;
    const dryRun = flag(body, 'dryRun');
    const rules: ReplayRules = {
      projectId,
      validator,
      verifier,
      settings: new Map(),
      pastDays,
      allowImport,
      ignoreKey: flag(body, 'ignoreKey'),
    };
    const keys = settingKeysOf(letters, rules);
    rules.settings = await sources.read((reader) => readSettings(reader, keys), asked.signal);
    const { write, logger } = sources;
    const results = await replayLetters(letters, edited, { rules, log, write, isErased, requestId, dryRun });
    const replayed = results.filter(({ outcome }) => outcome === 'replayed').map(({ id }) => id);
    if (replayed.length > 0) {
      const ids = replayed.slice(0, 20);
      logger.info({ ...caller, requestId, replayed: replayed.length, ids }, 'dead letters were replayed');
    }
    return results;
  }

  return {
    async one(asked) {
      const id = idOf(asked);
      const { event: edited } = onlyKnown(asked.body, ['event', 'dryRun', 'ignoreKey']);
      const letter = await sources.read((reader) => readDeadLetter(reader, asked.projectId, id), asked.signal);
      if (!letter) throw unknownDeadLetter(asked.id);
      const [result] = await replay([letter], edited, asked);
      if (!result) throw unknownDeadLetter(asked.id); // gone meanwhile
      return { body: toResult(result, true) };
    },

    async selected(asked) {
      const { projectId, parameters, body } = asked;
      onlyKnown(body, ['dryRun', 'ignoreKey']);
      const filter = { state: 'open' as const, ...withoutAbsent(filterOf(asked)) };
      const limit = parameters.limit();
      const cursors = createCursors(['dead letter replays', projectId, parameters.selection()], ['integer']);
      const cursor = parameters.text('cursor');
      const [after] = cursor === undefined ? [] : (cursors.read(cursor) as [number]);
      const page = { filter, limit, maxBytes: PAGE_BYTES, after };
      const { letters, more } = await sources.read((reader) => readDeadLetters(reader, page), asked.signal);
      const results = await replay(letters, undefined, asked);
      const last = more ? letters.at(-1) : undefined;
      return {
        body: {
          results: results.map((result) => toResult(result)),
          nextCursor: last ? cursors.write([last.id]) : null,
        },
      };
    },
  };
}

const invalid = (detail: string): ProblemError => new ProblemError('invalid_request', detail);

/** Refuses members that are not known, because a typo must not vanish. */
function onlyKnown(body: Asked['body'], known: readonly string[]): Asked['body'] {
  for (const name of Object.keys(body)) {
    if (!known.includes(name)) throw invalid(`The body has no \`${name}\`; it has: ${known.join(', ')}.`);
  }
  return body;
}

function flag(body: Asked['body'], name: string): boolean {
  const value = body[name] ?? false;
  if (typeof value === 'boolean') return value;
  throw invalid(`\`${name}\` must be true or false.`);
}

function withoutAbsent<T extends object>(given: T): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T;
}
