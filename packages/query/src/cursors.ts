import { createHash } from 'node:crypto';
import { isUuid, ProblemError } from '@wayline/contracts';

type Part = string | number;
export type PartKind = 'time' | 'integer' | 'text' | 'uuid';

/** Cursors of one list: opaque to the caller, and refused by every other list. */
export interface Cursors {
  /** @param key the place of the last item of a page */
  write(key: readonly Part[]): string;
  /** @throws ProblemError `invalid_cursor` */
  read(text: string): Part[];
}

const MAX_DATE_MS = 8.64e15;

const FITS: Record<PartKind, (part: unknown) => boolean> = {
  time: (part) => Number.isInteger(part) && Math.abs(part as number) <= MAX_DATE_MS,
  integer: (part) => Number.isSafeInteger(part),
  text: (part) => typeof part === 'string' && part.isWellFormed() && !part.includes('\0'),
  uuid: (part) => typeof part === 'string' && isUuid(part),
};

/**
 * @param list what makes the list another one: its name, the project, the filters
 * @param shape of which kind each part of a key is
 */
export function createCursors(list: unknown, shape: readonly PartKind[]): Cursors {
  const mark = createHash('sha256').update(JSON.stringify(list)).digest('base64url').slice(0, 8);

  function parts(text: string): unknown {
    try {
      return JSON.parse(Buffer.from(text, 'base64url').toString());
    } catch {
      return undefined;
    }
  }

  return {
    write: (key) => Buffer.from(JSON.stringify([mark, ...key])).toString('base64url'),
    read(text) {
      const [given, ...key] = [parts(text)].flat();
      const fits = key.length === shape.length && shape.every((kind, index) => FITS[kind](key[index]));
      if (given === mark && fits) return key as Part[];
      throw new ProblemError(
        'invalid_cursor',
        'The `cursor` is not one of this list; give it back as `nextCursor` said, with the same filters.',
      );
    },
  };
}

/** Cuts a list that was read one item too far, and tells where the next page begins. */
export function pageOf<T>(
  items: readonly T[],
  limit: number,
  cursorOf: (last: T) => string,
): { items: readonly T[]; nextCursor: string | null } {
  const last = items.length > limit ? items[limit - 1] : undefined;
  return last === undefined
    ? { items, nextCursor: null }
    : { items: items.slice(0, limit), nextCursor: cursorOf(last) };
}
