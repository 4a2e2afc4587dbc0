/** A user, the userId or else the anonymousId, in an hour of corrected time. */
export interface HourUser {
  projectId: number;
  hourMs: number;
  userId: string;
}

export interface SeenUser {
  projectId: number;
  userId: string;
  /** Whether one of the events was `objectInView`. */
  sawObject: boolean;
}

const MAX_KNOWN = 100_000;
/** Rows may be erased: what is known is looked at afresh after so long. */
const FORGET_AFTER_MS = 600_000;

/** Users whose rows are committed, so that they are not written again with every batch. Bounded. */
export class KnownUsers {
  readonly #users = new Map<string, boolean>();
  readonly #hourUsers = new Set<string>();
  #since = Date.now();

  hasUser({ projectId, userId, sawObject }: SeenUser): boolean {
    const saw = this.#users.get(`${projectId} ${userId}`);
    return saw !== undefined && (saw || !sawObject);
  }

  hasHourUser(user: HourUser): boolean {
    return this.#hourUsers.has(hourUserKey(user));
  }

  /** For after a commit. */
  learn({ users, hourUsers }: { users: readonly SeenUser[]; hourUsers: readonly HourUser[] }): void {
    if (Date.now() - this.#since > FORGET_AFTER_MS) this.clear();
    if (this.#users.size + users.length > MAX_KNOWN) this.#users.clear();
    if (this.#hourUsers.size + hourUsers.length > MAX_KNOWN) this.#hourUsers.clear();
    for (const { projectId, userId, sawObject } of users) {
      const key = `${projectId} ${userId}`;
      this.#users.set(key, sawObject || this.#users.get(key) === true);
    }
    for (const user of hourUsers) this.#hourUsers.add(hourUserKey(user));
  }

  clear(): void {
    this.#users.clear();
    this.#hourUsers.clear();
    this.#since = Date.now();
  }
}

const hourUserKey = ({ projectId, hourMs, userId }: HourUser): string => `${projectId} ${hourMs} ${userId}`;
