/** Tells how much of the time something was under way, of which there may be several at once. Times by `performance.now()`. */
export class BusyShare {
  #underWay = 0;
  #busyMs = 0;
  #countedTo = performance.now();
  #askedAt = this.#countedTo;

  begin(nowMs = performance.now()): void {
    this.#count(nowMs);
    this.#underWay++;
  }

  end(nowMs = performance.now()): void {
    this.#count(nowMs);
    this.#underWay--;
  }

  /** Of the time since it was asked for last: 0 to 1. */
  take(nowMs = performance.now()): number {
    this.#count(nowMs);
    const share = nowMs > this.#askedAt ? this.#busyMs / (nowMs - this.#askedAt) : Math.min(this.#underWay, 1);
    this.#askedAt = nowMs;
    this.#busyMs = 0;
    return share;
  }

  #count(nowMs: number): void {
    if (this.#underWay > 0) this.#busyMs += nowMs - this.#countedTo;
    this.#countedTo = nowMs;
  }
}
