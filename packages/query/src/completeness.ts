import { TOPICS } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import { type Pool, readPositions, type StoreLogger } from '@wayline/store';

/** A partition with records that are not stored yet. */
export interface Laggard {
  topic: string;
  partition: number;
  records: number;
}

/** How complete an answer is that is read after this was. */
export interface Completeness {
  /** Everything that the log took before is stored, epoch ms; null where the log could not be reached. */
  throughMs: number | null;
  /** Why it is null. */
  reason?: string;
  lagging: Laggard[];
  /** Records of all projects not stored yet, an upper bound; null where the log could not be reached. */
  pending: number | null;
}

export interface CompletenessOptions {
  pool: Pool;
  log: EventLog;
  group: string;
  /** Epoch ms. */
  now: () => number;
  logger: Pick<StoreLogger, 'warn'>;
  /** How long an answer may wait for the log, ms. */
  waitMs?: number;
  /** For so long one look serves many answers, ms. */
  cacheMs?: number;
}

/** A look at the log that hangs is given up after this, and another begun. */
const ABANDON_MS = 30_000;

/**
 * Returns a function that tells how complete the data are. It must be awaited before the data are read: now is taken
 * first, then the ends of the log, then the positions; whatever a position covers is there to be read afterwards.
 * Rejects if the database does not answer; never because of the log.
 */
export function createCompleteness(options: CompletenessOptions): () => Promise<Completeness> {
  const { waitMs = 2_000, cacheMs = 250 } = options;
  let look: { begunAt: number; answer: Promise<Completeness>; ended: boolean } | undefined;

  function begin(): Promise<Completeness> {
    const work = readCompleteness(options);
    const begun = { begunAt: performance.now(), answer: withDeadline(work, waitMs), ended: false };
    const end = (): void => {
      begun.ended = true;
    };
    work.then(end, end);
    look = begun;
    return begun.answer;
  }

  return () => {
    if (!look) return begin();
    const age = performance.now() - look.begunAt;
    const waitingForTheLog = !look.ended && age < ABANDON_MS;
    return waitingForTheLog || age < cacheMs ? look.answer : begin();
  };
}

async function readCompleteness({ pool, log, group, now, logger }: CompletenessOptions): Promise<Completeness> {
  const orAway = <T>(asked: Promise<T>): Promise<T | undefined> =>
    asked.catch((error: unknown) => {
      logger.warn({ err: error }, 'the event log could not be asked how far it goes');
      return undefined;
    });
  const nowMs = now();
  const ranges = await orAway(Promise.all([TOPICS.events, TOPICS.direct].map((topic) => log.ranges(topic))));
  if (!ranges) return AWAY;
  const positions = await readPositions(pool, log.id, group);
  const next = new Map(positions.map(({ topic, partition, nextOffset }) => [`${topic} ${partition}`, nextOffset]));
  const behind = ranges
    .flat()
    .map((range) => ({ ...range, offset: next.get(`${range.topic} ${range.partition}`) ?? range.start }))
    .filter(({ offset, end }) => offset < end);
  const firstUnread = await orAway(
    Promise.all(behind.map(({ topic, partition, offset }) => log.peek({ topic, partition, offset }))),
  );
  if (!firstUnread) return AWAY;
  return {
    throughMs: Math.min(nowMs, ...firstUnread.flatMap((record) => record?.timeMs ?? [])),
    lagging: behind.map(({ topic, partition, offset, end }) => ({ topic, partition, records: end - offset })),
    pending: behind.reduce((sum, { offset, end }) => sum + end - offset, 0),
  };
}

const AWAY: Completeness = {
  throughMs: null,
  reason: 'The event log cannot be reached just now, so it is not known what is still unread.',
  lagging: [],
  pending: null,
};

/** The work's outcome, or that the log is away, whichever comes first. */
function withDeadline(work: Promise<Completeness>, waitMs: number): Promise<Completeness> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<Completeness>((resolve) => {
    timer = setTimeout(resolve, waitMs, AWAY);
  });
  return Promise.race([work, deadline]).finally(() => clearTimeout(timer));
}
