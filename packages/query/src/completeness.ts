import { TOPICS } from '@wayline/contracts';
import type { EventLog, LogPosition } from '@wayline/event-log';
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
  log: Pick<EventLog, 'id' | 'ranges' | 'peek'>;
  group: string;
  /** Epoch ms. */
  now: () => number;
  logger: Pick<StoreLogger, 'warn'>;
  /** How long an answer may wait for the log, ms. */
  waitMs?: number;
}

/** How complete the data are that are read after it was told: so it must be awaited before they are read. */
export interface CompletenessLooks {
  /**
   * As it was looked up after the call, so that whoever was acknowledged before sees it counted; calls that come while a
   * look is under way share the next one. Rejects if the database does not answer; never because of the log.
   */
  fresh(): Promise<Completeness>;
  /**
   * As it was a second ago at most, and mostly without waiting: what was stored up to a time then, is so now. What was
   * acknowledged since may be missing from `lagging` and `pending`. Where the last stored record of each lagging partition
   * is no older than a second, its time is told for that of the next, which is no less. Rejects as `fresh` does.
   */
  recent(): Promise<Completeness>;
}

/** A look that takes longer no longer holds up the next one. */
const OVERTAKE_MS = 250;
/** A look that hangs is given up after this, and another tried; until then answers do not wait for the log. */
const ABANDON_MS = 30_000;
/** A look that began longer ago is no longer recent. */
const RECENT_MS = 1_000;
/**
 * Whoever is told of one that began longer ago begins another, for those who come after: seldom, since it takes a part of
 * the machine from the answers beside it.
 */
const RENEW_MS = 400;

/**
 * In each look now is taken first, then the ends of the log, then the positions; whatever a position covers is there to be
 * read afterwards. Nothing is looked up while nobody asks.
 */
export function createCompleteness(options: CompletenessOptions): CompletenessLooks {
  const { waitMs = 2_000 } = options;
  let underWay: Promise<unknown> = Promise.resolve();
  let next: { asked: Promise<Completeness>; how: Looking } | undefined;
  /** While a look hangs: until when it is hoped for, by `performance.now()`. */
  let hopingUntil = 0;
  /** What the look told that began last, of those that have ended; by `performance.now()`. */
  let latest = { begunAt: Number.NEGATIVE_INFINITY, told: AWAY };
  let isRenewing = false;

  async function look(how: Looking): Promise<Completeness> {
    const begunAt = performance.now();
    const told = await readCompleteness(options, how);
    if (begunAt > latest.begunAt) latest = { begunAt, told };
    return told;
  }

  async function lookAfter(turn: Promise<unknown>, how: Looking): Promise<Completeness> {
    await turn;
    next = undefined; // who comes from now on needs a later look
    const looking = look(how);
    const ended = looking.catch(() => undefined);
    underWay = withDeadline(ended, OVERTAKE_MS, undefined);
    const answer = await withDeadline(looking, waitMs, TOO_LATE);
    if (answer !== TOO_LATE) return answer;
    hopingUntil = performance.now() + ABANDON_MS;
    void ended.then(() => {
      hopingUntil = 0;
    });
    return AWAY;
  }

  async function lookNext(isExact: boolean): Promise<Completeness> {
    if (performance.now() < hopingUntil) return AWAY;
    if (!next) {
      const how = { isExact };
      next = { asked: lookAfter(underWay, how), how };
    }
    next.how.isExact ||= isExact;
    return next.asked;
  }

  function renew(): void {
    if (isRenewing) return;
    isRenewing = true;
    const end = (): void => {
      isRenewing = false;
    };
    lookNext(false).then(end, end); // its fault is told to whoever has to wait for a look
  }

  return {
    fresh: () => lookNext(true),
    async recent() {
      const { begunAt, told } = latest;
      const ageMs = performance.now() - begunAt;
      if (ageMs > RECENT_MS) return lookNext(false);
      if (ageMs > RENEW_MS) renew();
      return told;
    },
  };
}

/** May be changed until the look begins. */
interface Looking {
  /** Whether the time of the first unread record must be its own. */
  isExact: boolean;
}

async function readCompleteness(
  { pool, log, group, now, logger }: CompletenessOptions,
  { isExact }: Looking,
): Promise<Completeness> {
  const orAway = <T>(asked: Promise<T>): Promise<T | undefined> =>
    asked.catch((error: unknown) => {
      logger.warn({ err: error }, 'the event log could not be asked how far it goes');
      return undefined;
    });
  const nowMs = now();
  const ranges = await orAway(Promise.all([TOPICS.events, TOPICS.direct].map((topic) => log.ranges(topic))));
  if (!ranges) return AWAY;
  const positions = await readPositions(pool, log.id, group);
  const stored = new Map(positions.map((position) => [`${position.topic} ${position.partition}`, position]));
  const behind = ranges
    .flat()
    .map((range): Unread => {
      const { nextOffset, lastLogMs } = stored.get(`${range.topic} ${range.partition}`) ?? {};
      return { ...range, offset: nextOffset ?? range.start, notBeforeMs: lastLogMs ?? Number.NEGATIVE_INFINITY };
    })
    .filter(({ offset, end }) => offset < end);
  const lowestMs = Math.min(...behind.map(({ notBeforeMs }) => notBeforeMs));
  const isNear = !isExact && lowestMs >= nowMs - RECENT_MS;
  const unreadMs = isNear ? lowestMs : await orAway(leastUnreadMs(log, behind));
  if (unreadMs === undefined) return AWAY;
  return {
    throughMs: Math.min(nowMs, unreadMs),
    lagging: behind.map(({ topic, partition, offset, end }) => ({ topic, partition, records: end - offset })),
    pending: behind.reduce((sum, { offset, end }) => sum + end - offset, 0),
  };
}

interface Unread extends LogPosition {
  end: number;
  /** The log's times only grow within a partition, so that of the first unread record is no less than this. */
  notBeforeMs: number;
}

/**
 * The least log time of any record that is not stored; infinite where there is none. A look into a partition costs the log a
 * whole batch of records: so first into that which is furthest behind, then only into those that may be behind it.
 */
async function leastUnreadMs(log: Pick<EventLog, 'peek'>, behind: readonly Unread[]): Promise<number> {
  const firstMs = async ({ topic, partition, offset }: Unread): Promise<number> =>
    (await log.peek({ topic, partition, offset }))?.timeMs ?? Number.POSITIVE_INFINITY;
  const lowest = Math.min(...behind.map(({ notBeforeMs }) => notBeforeMs));
  const furthest = behind.filter(({ notBeforeMs }) => notBeforeMs === lowest);
  const leastMs = Math.min(...(await Promise.all(furthest.map(firstMs))));
  const others = behind.filter(({ notBeforeMs }) => notBeforeMs > lowest && notBeforeMs < leastMs);
  return Math.min(leastMs, ...(await Promise.all(others.map(firstMs))));
}

const AWAY: Completeness = {
  throughMs: null,
  reason: 'The event log cannot be reached just now, so it is not known what is still unread.',
  lagging: [],
  pending: null,
};

const TOO_LATE: Completeness = { ...AWAY };

/** The work's outcome, or the other one if that takes longer. */
function withDeadline<T>(work: Promise<T>, waitMs: number, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<T>((resolve) => {
    timer = setTimeout(resolve, waitMs, otherwise);
  });
  return Promise.race([work, deadline]).finally(() => clearTimeout(timer));
}
