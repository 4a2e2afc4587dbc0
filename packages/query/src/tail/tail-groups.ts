import type { TailFilter } from '@wayline/store';
import type { TailConnection } from './tail-connection.ts';
import { markFrame } from './tail-frames.ts';
import { furthest, stretchesBetween, type TailCursors, type TailPosition } from './tail-position.ts';

/** One reader of the tail. */
export class TailMember {
  readonly connection: TailConnection;
  readonly filter: TailFilter;
  /** What it had already, where that is further than the others are. */
  floor: TailPosition | undefined;
  /** What has to wait until what comes before it was sent. */
  #held: Buffer[] | undefined;
  #heldBytes = 0;

  constructor(connection: TailConnection, filter: TailFilter) {
    this.connection = connection;
    this.filter = filter;
  }

  /** From now on all has to wait. */
  hold(): void {
    this.#held = [];
  }

  send(bytes: Buffer): void {
    if (!this.#held) this.connection.write(bytes);
    else if (this.#heldBytes > this.connection.maxBufferedBytes) this.connection.cutOff();
    else {
      this.#held.push(bytes);
      this.#heldBytes += bytes.length;
    }
  }

  /** Sends what has waited, and lets what follows through. */
  async release(): Promise<void> {
    for (let bytes = this.#held?.shift(); bytes && this.connection.isOpen; bytes = this.#held?.shift()) {
      this.#heldBytes -= bytes.length;
      this.connection.write(bytes);
      await this.connection.drained();
    }
    this.#held = undefined;
  }

  /** A sign of life, and how far it is: so that who waits for rare events does not come back to long ago. */
  beat(position: TailPosition, cursors: TailCursors): void {
    if (this.#held) this.connection.write(COMMENT);
    else this.connection.write(markFrame(cursors.write(this.floor ? furthest(position, this.floor) : position)));
  }

  /** Forgets the floor once all are beyond it. */
  forgetFloor(position: TailPosition): void {
    if (this.floor && stretchesBetween(position, this.floor).length === 0) this.floor = undefined;
  }
}

const COMMENT = Buffer.from(':\n\n');

/** Readers by what they ask for: who asks for the same is looked for once. */
export class TailGroups {
  readonly #groups = new Map<string, { filter: TailFilter; members: Set<TailMember> }>();
  readonly #keys = new Map<TailConnection, { key: string; member: TailMember }>();

  get size(): number {
    return this.#keys.size;
  }

  filters(): TailFilter[] {
    return [...this.#groups.values()].map(({ filter }) => filter);
  }

  *all(): Generator<TailMember> {
    for (const { member } of this.#keys.values()) yield member;
  }

  /** @param filter as `filters` gave it */
  membersOf(filter: TailFilter): Iterable<TailMember> {
    return this.#groups.get(keyOf(filter))?.members ?? [];
  }

  add(connection: TailConnection, given: TailFilter): TailMember {
    const key = keyOf(given);
    const group = this.#groups.get(key) ?? { filter: given, members: new Set() };
    const member = new TailMember(connection, group.filter);
    group.members.add(member);
    this.#groups.set(key, group);
    this.#keys.set(connection, { key, member });
    return member;
  }

  remove(connection: TailConnection): void {
    const found = this.#keys.get(connection);
    if (!found) return;
    this.#keys.delete(connection);
    const group = this.#groups.get(found.key);
    group?.members.delete(found.member);
    if (group?.members.size === 0) this.#groups.delete(found.key);
  }
}

const keyOf = (filter: TailFilter): string =>
  JSON.stringify(Object.entries(filter).sort(([a], [b]) => (a < b ? -1 : 1)));
