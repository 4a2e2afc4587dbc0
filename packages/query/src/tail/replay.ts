import { ProblemError, problem } from '@wayline/contracts';
import { tailEvents } from '@wayline/store';
import { readNews } from './read-news.ts';
import { framesOf, markFrame, skippedFrame } from './tail-frames.ts';
import type { TailMember } from './tail-groups.ts';
import { copyOf, furthest, type TailPosition } from './tail-position.ts';
import type { TailSource } from './tail-source.ts';

/** Events that are read and sent at a time. */
const PAGE = 250;
/** So many readers that come back are read for at a time; the others wait. */
const AT_ONCE = 2;

/** Sends a member what was stored between two positions, and then what has waited meanwhile. Never rejects. */
export type Replay = (member: TailMember, stretch: { from: TailPosition; to: TailPosition }) => Promise<void>;

export function createReplay({ logId, read, cursors, limits, logger }: TailSource): Replay {
  const inTurn = createTurns(AT_ONCE);

  async function replay(member: TailMember, { from, to }: Parameters<Replay>[1]): Promise<void> {
    const { connection, filter } = member;
    const bounds = { events: limits.eventsPerReplay, scanned: limits.scannedPerPoll };
    const { events, skipped } = await inTurn(() =>
      read((reader) => readNews(reader, { logId, from, to, filters: [filter], limits: bounds })),
    );
    const missed = skipped.get(filter);
    if (missed) connection.write(skippedFrame(missed));
    const at = copyOf(from);
    for (let begin = 0; begin < events.length && connection.isOpen; begin += PAGE) {
      const page = events.slice(begin, begin + PAGE);
      const found = await inTurn(() => read((reader) => tailEvents(reader, page)));
      const frames = framesOf(found, at, cursors).filter(({ by }) => by.length > 0);
      connection.write(Buffer.concat(frames.map(({ bytes }) => bytes)));
      await connection.drained();
    }
    connection.write(markFrame(cursors.write(furthest(from, to))));
    await member.release();
  }

  return async (member, stretch) => {
    try {
      await replay(member, stretch);
    } catch (error) {
      if (!(error instanceof ProblemError)) logger.warn({ err: error }, 'a tail could not go on where it had ended');
      const known = error instanceof ProblemError ? error.problem : undefined;
      member.connection.end(known ?? problem('internal', 'What came meanwhile could not be read; connect again.'));
    }
  };
}

/** Runs at most so many at a time, the others in the order in which they came. */
function createTurns(atOnce: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      // The place is handed on, not given back: nobody who comes just now gets before those that wait.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
