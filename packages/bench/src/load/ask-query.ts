import { Agent, request } from 'node:http';
import { createHistogram } from 'node:perf_hooks';
import type { QueryCase } from './query-cases.ts';

export interface AskedCase {
  answers: number;
  p50Ms: number;
  p99Ms: number;
  /** Answers of another status than the good one, by it. */
  refused: Map<number, number>;
}

/** Asks a query process one thing at a time, on one connection that is kept. */
export interface Asker {
  /** All paths of a query in turn, once without being measured; then so often, or so long, as told. */
  ask(query: QueryCase, bounds: AskBounds): Promise<AskedCase>;
  close(): void;
}

export interface AskBounds {
  /** At least so many measured answers, and for so long, unless that takes `longestSeconds`. */
  answers: number;
  leastSeconds?: number;
  /** At most so many that are not measured; by default all paths. */
  warmups?: number | undefined;
  longestSeconds: number;
}

const LONGEST_MICROS = 120_000_000;
/** Where the API has no such address: nothing more is asked of it. */
const NO_SUCH_ROUTE = 404;

export function openAsker({ url, token }: { url: string; token: string }): Asker {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const headers = { authorization: `Bearer ${token}` };

  /** The status, once the whole answer was read. */
  const get = (path: string): Promise<number> =>
    new Promise((resolve, reject) => {
      request(url + path, { agent, headers }, (response) => {
        response.on('error', reject).on('end', () => resolve(response.statusCode ?? 0));
        response.resume();
      })
        .on('error', reject)
        .end();
    });

  return {
    async ask({ paths, status: good = 200 }, { answers, leastSeconds = 0, longestSeconds, warmups = paths.length }) {
      const histogram = createHistogram({ lowest: 1, highest: LONGEST_MICROS, figures: 3 });
      const refused = new Map<number, number>();
      const pathOf = (n: number) => paths[n % paths.length] as string;
      const found = (): AskedCase => {
        const ms = (percentile: number) => (histogram.count === 0 ? 0 : histogram.percentile(percentile) / 1000);
        return { answers: histogram.count, p50Ms: ms(50), p99Ms: ms(99), refused };
      };
      const until = (leastMs: number): ((n: number, answers: number) => boolean) => {
        const begun = performance.now();
        return (n, answers) => {
          const ms = performance.now() - begun;
          return (n < answers || ms < leastMs) && ms < longestSeconds * 1000;
        };
      };
      const isWarming = until(0);
      for (let n = 0; isWarming(n, Math.min(warmups, paths.length)); n++) {
        const status = await get(pathOf(n));
        if (status !== NO_SUCH_ROUTE || good === NO_SUCH_ROUTE) continue;
        refused.set(status, 1);
        return found();
      }
      const isMeasuring = until(leastSeconds * 1000);
      for (let n = 0; isMeasuring(n, answers); n++) {
        const begun = performance.now();
        const status = await get(pathOf(n));
        histogram.record(Math.max(1, Math.round((performance.now() - begun) * 1000)));
        if (status !== good) refused.set(status, (refused.get(status) ?? 0) + 1);
      }
      return found();
    },
    close: () => agent.destroy(),
  };
}
