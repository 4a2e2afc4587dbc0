/**
 * Of value n of a body, from `PLACE * n` on: its first byte, the one after its last, and how many members it has, with those of the
 * values inside it.
 */
export type Places = Int32Array;
export const PLACE = 3;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const LIST_BEGIN = 0x5b;
const LIST_END = 0x5d;
const BEGIN = 0x7b;
const END = 0x7d;
/** Brackets differ from braces by this bit only. */
const BRACE_BIT = 0x20;
const SPACE = 0x20;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;
/** Of an object's bytes at most so much may be space between its parts: what is set out for people is written anew. */
const MOST_SPACE = 1 / 8;
/** A larger one is written anew, too: numbers and escapes have forms of any length. */
const LONGEST = 64 * 1024;

/** What `JSON.parse` made of a text: so many events, in a form in which they may come. */
export interface Form {
  kind: 'event' | 'list' | 'envelope';
  count: number;
}

/** The member of an envelope that has the list. */
const LIST = 'events';

/**
 * Finds the events in the bytes of a text that `JSON.parse` has read, so that they need not be written anew. The text has no
 * `\u`, or names could be hidden by it. Undefined where it is not plain to see: an event that is no object, the list named twice.
 * An event that should be written anew has its end at 0.
 */
export function locateItems(bytes: Uint8Array, { kind, count }: Form): Places | undefined {
  const places = new Int32Array(PLACE * count);
  const begin = skipSpace(bytes, bytes[0] === BYTE_ORDER_MARK[0] ? BYTE_ORDER_MARK.length : 0);
  if (kind === 'list') return locateList(bytes, begin, places) === undefined ? undefined : places;
  if (kind === 'envelope') return locateInEnvelope(bytes, begin, places) ? places : undefined;
  if (bytes[begin] !== BEGIN) return undefined;
  locateObject(bytes, begin, { places, n: 0 });
  return places;
}

/** Notes the objects of the list that begins at `at`, and answers with the place after it; undefined if it is no list of so many. */
function locateList(bytes: Uint8Array, at: number, places: Places): number | undefined {
  if (bytes[at] !== LIST_BEGIN) return undefined;
  let i = at + 1;
  for (let n = 0; PLACE * n < places.length; n++) {
    i = skipSpace(bytes, i);
    if (n > 0) {
      if (bytes[i] !== COMMA) return undefined;
      i = skipSpace(bytes, i + 1);
    }
    if (bytes[i] !== BEGIN) return undefined;
    i = locateObject(bytes, i, { places, n });
  }
  i = skipSpace(bytes, i);
  return bytes[i] === LIST_END ? i + 1 : undefined;
}

/** Whether the list was found in the object that begins at `at`, once. */
function locateInEnvelope(bytes: Uint8Array, at: number, places: Places): boolean {
  let found = false;
  let i = skipSpace(bytes, at + 1);
  while (bytes[i] === QUOTE) {
    const nameEnd = endOfText(bytes, i);
    const isList = nameEnd - i - 2 === LIST.length && isTextAt(bytes, i + 1, LIST);
    i = skipSpace(bytes, nameEnd);
    if (bytes[i] !== COLON || (isList && found)) return false;
    i = skipSpace(bytes, i + 1);
    const after = isList ? locateList(bytes, i, places) : endOfValue(bytes, i);
    if (after === undefined) return false;
    found ||= isList;
    i = skipSpace(bytes, after);
    if (bytes[i] === COMMA) i = skipSpace(bytes, i + 1);
  }
  return found && bytes[i] === END;
}

/** Past the spaces at a place, if there are any. */
function skipSpace(bytes: Uint8Array, at: number): number {
  let i = at;
  while (i < bytes.length && (bytes[i] as number) <= SPACE) i++;
  return i;
}

/** Notes the object that begins at `at`, and answers with the place after it. */
function locateObject(bytes: Uint8Array, at: number, { places, n }: { places: Places; n: number }): number {
  let depth = 0;
  let spaces = 0;
  let members = 0;
  let i = at;
  for (; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === QUOTE) {
      // As in `endOfText`: a call for each text would cost as much again.
      for (i++; i < bytes.length && bytes[i] !== QUOTE; i++) if (bytes[i] === BACKSLASH) i++;
    } else if ((byte | BRACE_BIT) === BEGIN) depth++;
    else if ((byte | BRACE_BIT) === END) {
      if (--depth === 0) break;
    } else if (byte === COLON) members++;
    else if (byte <= SPACE) spaces++;
  }
  const end = i + 1;
  const length = end - at;
  places[PLACE * n] = at;
  places[PLACE * n + 1] = length <= LONGEST && spaces <= length * MOST_SPACE ? end : 0;
  places[PLACE * n + 2] = members;
  return end;
}

/** After the text whose first quote is at `at`. */
function endOfText(bytes: Uint8Array, at: number): number {
  let i = at + 1;
  for (; i < bytes.length && bytes[i] !== QUOTE; i++) if (bytes[i] === BACKSLASH) i++;
  return i + 1;
}

function endOfValue(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  if (first === QUOTE) return endOfText(bytes, at);
  let depth = first === BEGIN || first === LIST_BEGIN ? 0 : 1;
  const isPlain = depth === 1;
  for (let i = at; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === QUOTE) i = endOfText(bytes, i) - 1;
    else if ((byte | BRACE_BIT) === BEGIN) depth++;
    else if ((byte | BRACE_BIT) === END) {
      if (--depth === 0) return isPlain ? i : i + 1;
    } else if (isPlain && (byte === COMMA || byte <= SPACE)) return i;
  }
  return bytes.length;
}

function isTextAt(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}
