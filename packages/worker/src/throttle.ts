/** What bounds the load that a worker puts on PostgreSQL. All of it may change while it runs. */
export interface ThrottleSettings {
  /** Rows of one transaction, over all its partitions; a single partition's batch may hold more. */
  maxRows: number;
  /** How long a first batch waits for others to join its transaction, ms; none while one is being written. */
  lingerMs: number;
  /** Transactions in flight, over different partitions. */
  concurrency: number;
  /** Rows a second of this worker; undefined: as many as PostgreSQL takes. */
  rowsPerSecond?: number | undefined;
  /** Whether it backs off by itself when PostgreSQL slows down. */
  adaptive: boolean;
}

const SLOWEST_PACE = 0.1;
const SLOW_DOWN_BY = 0.85;
const SPEED_UP_BY = 0.03;
/** So much time's worth of rows may be written at once after a pause. */
const BURST_MS = 1_000;

/**
 * When the next transaction may begin. Its pace, from 1 down to 0.1, is the part of the time that is spent writing: below
 * 1 there is one transaction at a time, with a rest after each.
 */
export class Throttle {
  #settings: ThrottleSettings;
  #pace = 1;
  #restUntilMs = 0;
  /** Rows that may be written now; below 0 after a transaction that had more. */
  #rows = 0;
  #filledAtMs = 0;

  constructor(settings: ThrottleSettings) {
    this.#settings = settings;
    this.#rows = settings.rowsPerSecond ?? 0;
  }

  get settings(): ThrottleSettings {
    return this.#settings;
  }

  get pace(): number {
    return this.#pace;
  }

  /** Transactions that may be in flight now. */
  get concurrency(): number {
    return this.#pace < 1 ? 1 : this.#settings.concurrency;
  }

  change(settings: ThrottleSettings): void {
    this.#settings = settings;
    if (!settings.adaptive) this.#pace = 1;
  }

  /** How long the next transaction has to wait. @param nowMs of a clock that never goes back */
  waitMs(nowMs: number): number {
    this.#fill(nowMs);
    const { rowsPerSecond } = this.#settings;
    const forRows = rowsPerSecond !== undefined && this.#rows < 0 ? (-this.#rows / rowsPerSecond) * 1000 : 0;
    return Math.max(0, forRows, this.#restUntilMs - nowMs);
  }

  /** A transaction was written, and took so long. */
  wrote({ rows, ms }: { rows: number; ms: number }, nowMs: number): void {
    this.#fill(nowMs);
    if (this.#settings.rowsPerSecond !== undefined) this.#rows -= rows; // else nothing would ever pay it off
    if (this.#pace < 1) this.#restUntilMs = nowMs + ms * (1 / this.#pace - 1);
  }

  /** PostgreSQL was found slow, or not: the pace falls quickly, and rises slowly. */
  adapt(slow: boolean): void {
    if (!this.#settings.adaptive) return;
    this.#pace = slow ? Math.max(SLOWEST_PACE, this.#pace * SLOW_DOWN_BY) : Math.min(1, this.#pace + SPEED_UP_BY);
  }

  #fill(nowMs: number): void {
    const { rowsPerSecond = 0 } = this.#settings;
    const elapsedMs = Math.max(0, nowMs - this.#filledAtMs);
    this.#filledAtMs = nowMs;
    this.#rows = Math.min((rowsPerSecond * BURST_MS) / 1000, this.#rows + (rowsPerSecond * elapsedMs) / 1000);
  }
}
