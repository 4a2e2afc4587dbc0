import { createHash } from 'node:crypto';
import { ProblemError } from '@wayline/contracts';
import type { LogStretch, PartitionPosition } from '@wayline/store';

/** How far a tail has come: of each topic the next offset of each partition. What is absent is at its beginning. */
export type TailPosition = Map<string, number[]>;

export const offsetIn = (position: TailPosition, topic: string, partition: number): number =>
  position.get(topic)?.[partition] ?? 0;

/** Moves one partition forward; never back. */
export function moveTo(position: TailPosition, { topic, partition, to }: Omit<LogStretch, 'from'>): void {
  let offsets = position.get(topic);
  if (!offsets) {
    offsets = [];
    position.set(topic, offsets);
  }
  while (offsets.length <= partition) offsets.push(0);
  if (to > (offsets[partition] as number)) offsets[partition] = to;
}

export function copyOf(position: TailPosition): TailPosition {
  return new Map([...position].map(([topic, offsets]) => [topic, [...offsets]]));
}

/** Of each partition the later place. */
export function furthest(a: TailPosition, b: TailPosition): TailPosition {
  const both = copyOf(a);
  for (const [topic, offsets] of b) {
    for (const [partition, to] of offsets.entries()) moveTo(both, { topic, partition, to });
  }
  return both;
}

export function positionOf(stored: readonly PartitionPosition[]): TailPosition {
  const position: TailPosition = new Map();
  for (const { topic, partition, nextOffset } of stored) moveTo(position, { topic, partition, to: nextOffset });
  return position;
}

/**
 * What lies between two positions. A partition whose end lies before its beginning has none: an older database was
 * restored, and what is stored anew up to there was seen already.
 */
export function stretchesBetween(from: TailPosition, to: TailPosition): LogStretch[] {
  return [...to].flatMap(([topic, offsets]) =>
    offsets.flatMap((end, partition) => {
      const begin = offsetIn(from, topic, partition);
      return begin < end ? [{ topic, partition, from: begin, to: end }] : [];
    }),
  );
}

const CURSOR = /^[\w-]{8}(?:![\w.-]{1,249}(?:\*[0-9a-z]{1,11})*)*$/;

export interface TailCursors {
  /** Opaque, of characters that an address may hold. */
  write(position: TailPosition): string;
  /**
   * The position that a cursor stands for; undefined where it is of another log.
   * @throws ProblemError `invalid_cursor`
   */
  read(text: string): TailPosition | undefined;
}

/** @param log what tells positions of one log, and of one group of workers, from those of others */
export function createTailCursors(log: { id: string; group: string }): TailCursors {
  const mark = createHash('sha256')
    .update(JSON.stringify(['tail', log.id, log.group]))
    .digest('base64url')
    .slice(0, 8);
  return {
    write(position) {
      let text = mark;
      for (const [topic, offsets] of position) {
        text += `!${topic}`;
        for (const offset of offsets) text += `*${offset.toString(36)}`;
      }
      return text;
    },
    read(text) {
      if (!CURSOR.test(text)) {
        throw new ProblemError(
          'invalid_cursor',
          'This is no id of an event of the tail; give back the last `id` as it came, or none to begin now.',
        );
      }
      const [given, ...topics] = text.split('!');
      if (given !== mark) return undefined;
      return new Map(
        topics.map((part) => {
          const [topic = '', ...offsets] = part.split('*');
          return [topic, offsets.map((offset) => Number.parseInt(offset, 36))];
        }),
      );
    },
  };
}
