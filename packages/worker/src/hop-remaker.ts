import { setTimeout as sleep } from 'node:timers/promises';
import { freeMarks, type Pool, remakeHops, withBackgroundLock } from '@wayline/store';
import { restAfter } from './rest-after.ts';
import type { WorkerLogger } from './worker-logger.ts';

export interface HopRemakerOptions {
  pool: Pool;
  logger: WorkerLogger;
  /** How often it is looked for sessions to remake, ms, at most. Default 2 s. */
  everyMs?: number;
  /** How often the room of marks that were taken is freed, ms. Default 10 s. */
  freeEveryMs?: number;
  /** Whether a backlog is being stored; for as long it works least. */
  isBehind?(): boolean;
  /** Whether the worker gives way to others in the database; then it works in short pieces, as while batches are written. */
  givesWay?(): boolean;
  /** Of the time since it was asked last, in how much batches were written, 0 to 1: the more, the less it works. Default: all. */
  busyShare?(): number;
  /** Told after each pass of this process. */
  onPass?(sessions: number): void;
}

export interface HopRemaker {
  /** Ends after the transaction in hand. */
  stop(): Promise<void>;
}

/** Of one pass: then it rests, and looks again how much there is to do. */
const FREELY = { longestMs: 100 };
/**
 * While batches are being written, or the worker gives way: pieces so short that nobody waits for long. In passes of 500 marks, 150 ms,
 * the slowest hundredth of what came meanwhile was stored a quarter later, at half of what two cores store.
 */
const GENTLY = { longestMs: 25, marksAtOnce: 100 };
/** Of the time: what is written in less of it leaves room. */
const BUSY_SHARE = 0.25;
/** How often it is looked whether there is a backlog still. */
const LOOK_EVERY_MS = 50;
const TELL_EVERY_MS = 60_000;

/** Keeps the hops between apps up to date. Any number of processes may do it: one is at it at a time. */
export function startHopRemaker(options: HopRemakerOptions): HopRemaker {
  const { pool, logger, everyMs = 2_000, freeEveryMs = 10_000, onPass } = options;
  const { isBehind = () => false, givesWay = () => false, busyShare = () => 1 } = options;
  const abort = new AbortController();
  const { signal } = abort;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  let freedAtMs = Number.NEGATIVE_INFINITY;

  const pause = (ms: number): Promise<unknown> => sleep(ms, undefined, { signal }).catch(() => undefined);

  async function freeSometimes(): Promise<void> {
    if (performance.now() - freedAtMs < freeEveryMs) return;
    freedAtMs = performance.now();
    await freeMarks(pool);
  }

  async function run(): Promise<void> {
    for (let busy = busyShare(); !signal.aborted; ) {
      const begunMs = performance.now();
      const bounds = givesWay() || busy > BUSY_SHARE ? GENTLY : FREELY;
      let isDone = true;
      try {
        const remade = await withBackgroundLock(pool, 'hops', () => remakeHops(pool, signal, bounds));
        isDone = remade?.isDone ?? true;
        if (remade) onPass?.(remade.sessions);
        if (remade?.sessions) await freeSometimes();
      } catch (error) {
        if (!signal.aborted && begunMs - toldAtMs >= TELL_EVERY_MS) {
          toldAtMs = begunMs;
          logger.warn({ err: error }, 'hops between apps cannot be remade just now; it is tried again');
        }
      }
      const workedMs = performance.now() - begunMs;
      busy = busyShare();
      const { least, most } = restAfter(workedMs, { everyMs, isDone, busyShare: busy });
      await pause(least);
      for (let rested = least; rested < most && !signal.aborted && isBehind(); rested += LOOK_EVERY_MS) {
        await pause(LOOK_EVERY_MS);
      }
    }
  }

  const running = run();
  return {
    async stop() {
      abort.abort();
      await running;
    },
  };
}
