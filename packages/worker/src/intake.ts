import type { LogPosition } from '@wayline/event-log';

export interface IntakeNow {
  /** Records that came into the log, a second. */
  arrived: number;
  /** Records that were stored, a second. */
  stored: number;
  /** Records that are known to be in the log and are not stored. */
  unstored: number;
}

/** So many records that are in the log and not stored are a backlog; fewer are on their way. */
export const BACKLOG_RECORDS = 20_000;

/** What waits to be fetched for longer than this is late; so few records never are. */
const LATE_S = 0.1;
const LATE_RECORDS = 2_000;
/** What had gathered longer ago tells nothing of now. */
const GATHERED_MS = 5_000;

interface Known {
  end: number;
  next: number;
  atMs: number;
  /** What had gathered when it was fetched last, and when that was. */
  gathered: number;
  fetchedAtMs: number;
}

/** Of a rate, from one second to the next: what happened counts for about five seconds. */
const KEPT_A_SECOND = 0.8;
/** What nothing was heard of for so long may be another worker's by now. */
const FORGOTTEN_MS = 120_000;

/** What comes into the partitions that are read here, and what is stored of it: as far as fetches have told. */
export class Intake {
  readonly #known = new Map<string, Known>();
  #arrived = 0;
  #stored = 0;
  #arrivedRate = 0;
  #storedRate = 0;
  #askedAtMs: number | undefined;

  /** A batch was handed over, of a partition that ended there then. */
  fetched(
    {
      topic,
      partition,
      firstOffset,
      endOffset,
    }: Omit<LogPosition, 'offset'> & { firstOffset: number; endOffset: number },
    nowMs: number,
  ): void {
    const key = `${topic}/${partition}`;
    const known = this.#known.get(key);
    if (known) this.#arrived += Math.max(0, endOffset - known.end);
    const gathered = Math.max(0, endOffset - firstOffset);
    this.#known.set(key, { end: endOffset, next: firstOffset, atMs: nowMs, gathered, fetchedAtMs: nowMs });
  }

  /** All before the offset is stored. */
  stored({ topic, partition, offset }: LogPosition, nowMs: number): void {
    const known = this.#known.get(`${topic}/${partition}`);
    if (!known) return;
    this.#stored += Math.max(0, offset - known.next);
    known.next = offset;
    known.atMs = nowMs;
  }

  /** @param nowMs of a clock that never goes back */
  now(nowMs: number): IntakeNow {
    const seconds = this.#askedAtMs === undefined ? 0 : (nowMs - this.#askedAtMs) / 1000;
    this.#askedAtMs = nowMs;
    if (seconds > 0) {
      const kept = KEPT_A_SECOND ** seconds;
      this.#arrivedRate = this.#arrivedRate * kept + (this.#arrived / seconds) * (1 - kept);
      this.#storedRate = this.#storedRate * kept + (this.#stored / seconds) * (1 - kept);
      this.#arrived = 0;
      this.#stored = 0;
    }
    let unstored = 0;
    for (const [key, { end, next, atMs }] of this.#known) {
      if (nowMs - atMs > FORGOTTEN_MS) this.#known.delete(key);
      else unstored += Math.max(0, end - next);
    }
    return { arrived: this.#arrivedRate, stored: this.#storedRate, unstored };
  }

  /**
   * Whether events wait for long before they are fetched: more had gathered in the partitions than comes in a tenth of a second. What is
   * in a partition now only its next fetch will tell.
   */
  isLate(nowMs: number): boolean {
    const { arrived } = this.now(nowMs);
    let gathered = 0;
    for (const known of this.#known.values()) {
      if (nowMs - known.fetchedAtMs < GATHERED_MS) gathered += known.gathered;
    }
    return gathered > Math.max(LATE_RECORDS, arrived * LATE_S);
  }
}
