import { type TailFilter, tailEvents } from '@wayline/store';
import { type News, readNews } from './read-news.ts';
import { createReplay } from './replay.ts';
import type { TailConnection } from './tail-connection.ts';
import { framesBeyond, framesOf, openingFrame, skippedFrame, type TailFrame } from './tail-frames.ts';
import { TailGroups } from './tail-groups.ts';
import { copyOf, furthest, positionOf, stretchesBetween, type TailPosition } from './tail-position.ts';
import type { TailSource } from './tail-source.ts';

export interface TailHub {
  /**
   * From now on, or from a position on, the connection is sent what fits the filter. Resolves when it is: all that is
   * stored afterwards comes. Rejects if the database does not answer.
   * @param asked.after where the reader was; `elsewhere` if that was in another log
   */
  join(
    connection: TailConnection,
    asked: { filter: TailFilter; after: TailPosition | 'elsewhere' | undefined },
  ): Promise<void>;
  leave(connection: TailConnection): void;
}

/** After so many events the pages that hold them are summed up. */
const SUM_UP_EVENTS = 20_000;
/** While the database does not answer, looks are rarer, ms. */
const FAILING_MS = 1_000;

/** One look at what is new for all readers of a process; while there are none, there is no look either. */
export function createTailHub(options: TailSource): TailHub {
  const { read, positions, cursors, limits, logger } = options;
  const groups = new TailGroups();
  const replay = createReplay(options);
  /** All before was sent, or is told as skipped. Kept only while there are looks. */
  let position: TailPosition = new Map();
  let isLooping = false;
  let isLooking = false;
  let isFailing = false;
  let asking: Promise<TailPosition> | undefined;
  let waiting: (() => void)[] = [];
  let unsummed = 0;
  let maySumUp = true;

  async function look(): Promise<void> {
    const from = position;
    if (stretchesBetween(from, positionOf(await positions())).length === 0) return;
    const filters = groups.filters();
    const { to, news, found } = await read(async (reader) => {
      const now = positionOf(await positions(reader));
      const bounds = { events: limits.eventsPerPoll, scanned: limits.scannedPerPoll };
      const chosen = await readNews(reader, { logId: options.logId, from, to: now, filters, limits: bounds });
      return { to: now, news: chosen, found: await tailEvents(reader, chosen.events) };
    });
    position = furthest(from, to);
    fanOut(framesOf(found, copyOf(from), cursors), filters, { ...news, from });
    for (const member of groups.all()) member.forgetFloor(position);
    unsummed += news.looked.events;
    if (!maySumUp || unsummed < SUM_UP_EVENTS) return;
    maySumUp = await options.sumUp(news.looked);
    unsummed = 0;
  }

  function fanOut(
    frames: readonly TailFrame[],
    filters: readonly TailFilter[],
    { skipped, from }: News & { from: TailPosition },
  ): void {
    const wanted = new Map<TailFilter, TailFrame[]>(filters.map((filter) => [filter, []]));
    for (const frame of frames) for (const filter of frame.by) wanted.get(filter)?.push(frame);
    for (const [filter, own] of wanted) {
      const { kept, left } = lastWithin(own, limits.bytesPerPoll);
      const { events = 0, atMost = false } = skipped.get(filter) ?? {};
      const notice = events + left > 0 ? [skippedFrame({ events: events + left, atMost })] : [];
      if (kept.length + notice.length === 0) continue;
      const together = Buffer.concat([...notice, ...kept.map(({ bytes }) => bytes)]);
      for (const member of groups.membersOf(filter)) {
        const { floor } = member;
        const ahead = floor && framesBeyond(frames, kept, { from, floor, cursors });
        member.send(ahead ? Buffer.concat([...notice, ...ahead]) : together);
      }
    }
  }

  async function loop(): Promise<void> {
    while (groups.size > 0) {
      const begunMs = performance.now();
      isLooking = true;
      try {
        await look();
        isFailing = false;
      } catch (error) {
        if (!isFailing) logger.warn({ err: error }, 'the tail could not look for new events; it goes on trying');
        isFailing = true;
      }
      isLooking = false;
      const admitted = waiting;
      waiting = [];
      for (const admit of admitted) admit();
      const restMs = limits.restShare * (performance.now() - begunMs);
      await pause(Math.max(limits.pollMs, restMs, isFailing ? FAILING_MS : 0));
    }
    isLooping = false;
  }

  /** What is stored now; asked once for all that join at the same time. */
  async function storedNow(): Promise<TailPosition> {
    asking ??= positions().then(positionOf);
    const mine = asking;
    try {
      return await mine;
    } finally {
      if (asking === mine) asking = undefined;
    }
  }

  /** Resolves between two looks: who joined in the midst of one would miss what it moves past. */
  async function turn(): Promise<void> {
    if (isLooking) await new Promise<void>((resolve) => waiting.push(resolve));
  }

  return {
    async join(connection, { filter, after }) {
      const now = await storedNow();
      await turn();
      if (!connection.isOpen) return;
      if (!isLooping) position = now;
      const member = groups.add(connection, filter);
      connection.everyBeat(() => member.beat(position, cursors));
      if (after === undefined || after === 'elsewhere') {
        member.floor = furthest(now, position);
        connection.write(openingFrame(cursors.write(member.floor)));
        if (after) connection.write(skippedFrame({ events: null, atMost: true }));
      } else {
        connection.write(openingFrame(cursors.write(after)));
        member.floor = after;
        member.hold();
        void replay(member, { from: after, to: copyOf(position) });
      }
      member.forgetFloor(position);
      if (isLooping) return;
      isLooping = true;
      void loop();
    },
    leave: (connection) => groups.remove(connection),
  };
}

/** The last frames that fit into so many bytes, and the number of the others. */
function lastWithin(frames: readonly TailFrame[], bytes: number): { kept: readonly TailFrame[]; left: number } {
  let left = frames.length;
  for (let room = bytes; left > 0; left--) {
    room -= (frames[left - 1] as TailFrame).bytes.length;
    if (room < 0) break;
  }
  return { kept: frames.slice(left), left };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
