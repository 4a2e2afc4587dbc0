/** What bounds the tail of one process. */
export interface TailLimits {
  /** Readers at once; more are told to come again. */
  readers: number;
  /** How long after a look the next one follows, ms; and at least so many times as long as the look took. */
  pollMs: number;
  restShare: number;
  /** Events that a look sends at most, to all readers together. */
  eventsPerPoll: number;
  /** Of the events stored since, so many are looked at, the last ones. */
  scannedPerPoll: number;
  /** Bytes that a look sends to one reader. */
  bytesPerPoll: number;
  /** Events that a reader gets who comes back. */
  eventsPerReplay: number;
  /** Bytes that may wait for one reader when more come; beyond, it is cut off. */
  bufferedBytes: number;
  /** How long a reader may take nothing at all while it has to, ms. */
  patienceMs: number;
  heartbeatMs: number;
}

export const TAIL_LIMITS: TailLimits = {
  readers: 500,
  pollMs: 200,
  restShare: 4,
  eventsPerPoll: 1_000,
  scannedPerPoll: 200_000,
  bytesPerPoll: 512 * 1024,
  eventsPerReplay: 10_000,
  bufferedBytes: 512 * 1024,
  patienceMs: 10_000,
  heartbeatMs: 15_000,
};
