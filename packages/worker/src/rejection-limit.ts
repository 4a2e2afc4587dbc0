import type { TopicPartition } from '@wayline/event-log';

/** A rejection is forgiven for so many rows that were stored: it is a run only where more than one in so many is refused. */
const STORED_FOR_ONE = 100;

/**
 * How many rows of a partition PostgreSQL refused in a run. One here and there is a bad row; row after row is a fault of
 * ours, or of the database, and must not empty the topic into the dead letters.
 */
export class RejectionLimit {
  readonly #limit: number;
  readonly #levels = new Map<string, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether one more may be put aside; then it is counted. */
  take(partition: TopicPartition): boolean {
    const level = this.#levels.get(nameOf(partition)) ?? 0;
    if (level + 1 > this.#limit) return false;
    this.#levels.set(nameOf(partition), level + 1);
    return true;
  }

  stored(partition: TopicPartition, rows: number): void {
    const level = this.#levels.get(nameOf(partition));
    if (level === undefined) return;
    if (level > rows / STORED_FOR_ONE) this.#levels.set(nameOf(partition), level - rows / STORED_FOR_ONE);
    else this.#levels.delete(nameOf(partition));
  }

  clear(partition: TopicPartition): void {
    this.#levels.delete(nameOf(partition));
  }
}

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
