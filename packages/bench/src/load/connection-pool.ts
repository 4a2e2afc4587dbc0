import type { Sender, Slot } from './sender.ts';

/** Below the time after which servers close idle connections: a request must not meet that. */
const IDLE_MS = 2_000;
/** Few enough that a server's queue of new connections takes them all. */
const OPENED_AT_A_TIME = 16;

/** Connections for requests that do not wait for each other. */
export class ConnectionPool {
  readonly #sender: Sender;
  readonly #most: number;
  #idle: Slot[] = [];
  #open = 0;
  #isFilled = false;

  /** @param most more are opened as they are needed, up to so many */
  constructor(sender: Sender, most: number) {
    this.#sender = sender;
    this.#most = most;
  }

  /**
   * Opens all of them, each of which is answered once, and keeps them. A server that is offered too much takes new connections only
   * slowly: without this, the first seconds of such a load are a storm of them, which goes on for as long as they wait.
   */
  async fill(): Promise<void> {
    this.#isFilled = true;
    while (this.#open < this.#most) {
      const missing = this.#most - this.#open;
      await Promise.all(Array.from({ length: Math.min(OPENED_AT_A_TIME, missing) }, () => this.#openAnswered()));
    }
  }

  /** One without a request in flight, if there may be one. */
  take(): Slot | undefined {
    return this.#idle.pop() ?? (this.#open < this.#most ? this.#add() : undefined);
  }

  /** Closes those that were not needed for long. */
  closeIdle(nowMs: number): void {
    if (this.#isFilled) return;
    // The last in use is the first to be used again, so those that idle stand in front.
    while (this.#idle[0] && nowMs - this.#idle[0].idleSinceMs > IDLE_MS) this.#idle.shift()?.connection.close();
  }

  #openAnswered(): Promise<void> {
    return new Promise((resolve) => this.#sender.send(this.#add(resolve), performance.now()));
  }

  /** @param onSettled it was answered, or it is gone */
  #add(onSettled?: () => void): Slot {
    this.#open++;
    return this.#sender.open({
      onIdle: (slot) => {
        this.#idle.push(slot);
        onSettled?.();
      },
      onGone: (slot) => {
        this.#open--;
        this.#idle = this.#idle.filter((other) => other !== slot);
        onSettled?.();
      },
    });
  }
}
