import { setTimeout as sleep } from 'node:timers/promises';

/** How a long piece of work in the background goes on: in small steps, with pauses. */
export interface Pacing {
  /** Ends the work after the step in hand; what remains is for another time. */
  signal?: AbortSignal | undefined;
  /** Rows of one transaction. Default 5000. */
  chunkRows?: number | undefined;
  /** After each step a pause of so many times its length. Default 1: at most half of the time is used. */
  pauseShare?: number | undefined;
  /** No step is begun after so long. Default: no bound. */
  budgetMs?: number | undefined;
}

export interface Pace {
  readonly chunkRows: number;
  /** Whether another step may be begun. */
  goesOn(): boolean;
  /** Runs a step, then pauses. */
  step<T>(work: () => Promise<T>): Promise<T>;
}

export function createPace({ signal, chunkRows = 5_000, pauseShare = 1, budgetMs = Infinity }: Pacing): Pace {
  const until = performance.now() + budgetMs;
  return {
    chunkRows,
    goesOn: () => !signal?.aborted && performance.now() < until,
    async step(work) {
      const begun = performance.now();
      const result = await work();
      const pauseMs = (performance.now() - begun) * pauseShare;
      if (pauseMs > 0) await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      return result;
    },
  };
}
