import { performance } from 'node:perf_hooks';

/** Work that keeps the thread, in slices of a few milliseconds. */
export interface WorkTurns {
  /** Of what waits for its turn. */
  readonly waitingBytes: number;
  /**
   * Does it at once where there is time for it; else it waits for a later turn of the event loop, behind what waits already.
   * @param bytes that are held for it meanwhile
   * @throws what the work throws, or rejects with it
   */
  run<T>(bytes: number, work: () => T): T | Promise<T>;
}

/** Longer than the bodies of most requests take to judge, so that few wait; and short beside what a client waits for. */
const SLICE_MS = 3;

/**
 * Shares the thread between work and the connections. Node takes one new connection, and reads what came on the others, once in
 * each turn of its loop: were all bodies that have come judged in one turn, new clients would wait for seconds where many send.
 * @param now ms that never go back
 */
export function createWorkTurns(sliceMs = SLICE_MS, now: () => number = () => performance.now()): WorkTurns {
  const waiting: { bytes: number; work: () => void }[] = [];
  let waitingBytes = 0;
  /** When the work of this turn of the loop began; undefined where there has been none. */
  let begunMs: number | undefined;

  const hasTime = (): boolean => {
    if (begunMs !== undefined) return now() - begunMs < sliceMs;
    begunMs = now();
    setImmediate(workOff);
    return true;
  };

  function workOff(): void {
    begunMs = waiting.length > 0 ? now() : undefined;
    for (let first = waiting.shift(); first; first = hasTime() ? waiting.shift() : undefined) {
      waitingBytes -= first.bytes;
      first.work();
    }
    if (waiting.length > 0) setImmediate(workOff);
    else begunMs = undefined;
  }

  return {
    get waitingBytes() {
      return waitingBytes;
    },
    run(bytes, work) {
      if (hasTime()) return work(); // where others wait, there is none
      waitingBytes += bytes;
      return new Promise((resolve, reject) => {
        const settle = () => {
          try {
            resolve(work());
          } catch (error) {
            reject(error);
          }
        };
        waiting.push({ bytes, work: settle });
      });
    },
  };
}
