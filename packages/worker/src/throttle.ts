/** What bounds the load that a worker puts on PostgreSQL. All of it may change while it runs. */
export interface ThrottleSettings {
  /** Rows of one transaction, over all its partitions. */
  maxRows: number;
  /** A transaction waits for more until its first record is so old, ms, by when the log took it; not while one is being written. */
  lingerMs: number;
  /** Transactions in flight, over different partitions. */
  concurrency: number;
  /** Rows a second of this worker; undefined: as many as PostgreSQL takes. */
  rowsPerSecond?: number | undefined;
  /** Whether it backs off by itself when PostgreSQL slows down. */
  adaptive: boolean;
}

/** What a look at PostgreSQL found. */
export interface Sighting {
  /** It is slow for somebody. */
  slow: boolean;
  /** Others ask it all the while that a backlog is stored: so many of them are at work at once, on average. Else undefined. */
  askedBy: number | undefined;
  /** What is stored is not clearly more than what comes into the log. */
  behind: boolean;
}

const SLOWEST_PACE = 0.1;
/** While others ask, however quick their answers are; down to half of it, the more of them are at work at once. */
const ASKED_PACE = 0.4;
/** Of a transaction while others ask: so that they never wait for long at a time. */
const ASKED_ROWS = 5_000;
const SLOW_DOWN_BY = 0.85;
const SPEED_UP_BY = 0.05;
/** From one look to the next, while more comes than is stored, and while it does not. */
const MORE_FOR_ASKED = 1.1;
const LESS_FOR_ASKED = 0.97;
const MOST_FOR_ASKED = 10;
/** So much time's worth of rows may be written at once after a pause. */
const BURST_MS = 1_000;

/**
 * When the next transaction may begin. Its pace, from 1 down to 0.1, is the part of the time that is spent writing: below
 * 1 there is one transaction at a time, with a rest after each.
 */
export class Throttle {
  #settings: ThrottleSettings;
  #pace = 1;
  #asked = false;
  /** So many times the pace that is for those who ask, that no more comes than is stored. */
  #forAsked = 1;
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

  /** Rows of one transaction now, over all its partitions. */
  get maxRows(): number {
    return this.#asked ? Math.min(ASKED_ROWS, this.#settings.maxRows) : this.#settings.maxRows;
  }

  /** Transactions that may be in flight now. */
  get concurrency(): number {
    return this.#pace < 1 ? 1 : this.#settings.concurrency;
  }

  change(settings: ThrottleSettings): void {
    this.#settings = settings;
    if (settings.adaptive) return;
    this.#pace = 1;
    this.#asked = false;
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

  /**
   * The pace falls at once where others ask, quickly where PostgreSQL is slow, and rises slowly. For those who ask it does not
   * fall so low that more comes than is stored: what they ask for would get ever older.
   */
  adapt({ slow, askedBy, behind }: Sighting): void {
    if (!this.#settings.adaptive) return;
    this.#asked = askedBy !== undefined;
    const most = askedBy === undefined ? 1 : this.#paceForAsked(askedBy, behind);
    if (askedBy === undefined) this.#forAsked = 1;
    this.#pace = slow
      ? Math.max(SLOWEST_PACE, Math.min(most, this.#pace) * SLOW_DOWN_BY)
      : Math.min(most, this.#pace + SPEED_UP_BY);
  }

  #paceForAsked(busy: number, behind: boolean): number {
    const times = this.#forAsked * (behind ? MORE_FOR_ASKED : LESS_FOR_ASKED);
    this.#forAsked = Math.max(1, Math.min(MOST_FOR_ASKED, times));
    return Math.min(1, (this.#forAsked * ASKED_PACE) / (1 + Math.min(1, busy)));
  }

  #fill(nowMs: number): void {
    const { rowsPerSecond = 0 } = this.#settings;
    const elapsedMs = Math.max(0, nowMs - this.#filledAtMs);
    this.#filledAtMs = nowMs;
    this.#rows = Math.min((rowsPerSecond * BURST_MS) / 1000, this.#rows + (rowsPerSecond * elapsedMs) / 1000);
  }
}
