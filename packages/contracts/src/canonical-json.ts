import { plainEnd, sequenceEnd } from './utf8-text.ts';

/** Levels of a value; deeper ones are left to the full reader. */
const MAX_DEPTH = 32;
/** Of one object; each name is compared with all before it. */
const MAX_NAMES = 24;
/** So many digits go through a double and come back the same. */
const EXACT_DIGITS = 15;
/** No double is written longer than this. */
const LONGEST_NUMBER = 25;
/** A fraction that begins with so many zeros is written with an exponent. */
const ZEROS_OF_EXPONENT = 6;

const QUOTE = 34;
const BACKSLASH = 92;
const ZERO = 48;
const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= ZERO && byte <= 57;

/** What `JSON.stringify` writes behind a backslash, but for `\u`. */
const ESCAPED = new Set(Array.from('"\\bfnrt', (char) => char.charCodeAt(0)));

/**
 * Finds the end of JSON that is written just as `JSON.stringify` writes what `JSON.parse` reads of it, so that its bytes may
 * stand for both. Whatever it is not sure of it refuses: blanks, names that are numbers or that come twice, `\u`, numbers in other
 * forms, what is no UTF-8. It says so of some that would do.
 */
export class CanonicalJson {
  /** Start and end of the names of the objects that are open, the outermost first. */
  readonly #names = new Int32Array(2 * MAX_NAMES * (MAX_DEPTH + 1));
  #depth = 0;

  /** Where the object that begins at `at` ends, or -1. */
  objectEnd(bytes: Uint8Array, at: number, to: number): number {
    this.#depth = 0;
    return bytes[at] === 0x7b ? this.#object(bytes, at, to) : -1;
  }

  #value(bytes: Uint8Array, at: number, to: number): number {
    switch (bytes[at]) {
      case QUOTE:
        return textEnd(bytes, at + 1, to);
      case 0x7b:
        return this.#object(bytes, at, to);
      case 0x5b:
        return this.#array(bytes, at, to);
      case 0x74:
        return wordEnd(bytes, at, TRUE);
      case 0x66:
        return wordEnd(bytes, at, FALSE);
      case 0x6e:
        return wordEnd(bytes, at, NULL);
      default:
        return numberEnd(bytes, at, to);
    }
  }

  #object(bytes: Uint8Array, start: number, to: number): number {
    if (bytes[start + 1] === 0x7d) return start + 2;
    if (this.#depth === MAX_DEPTH) return -1;
    const base = 2 * MAX_NAMES * this.#depth++;
    let at = start + 1;
    for (let names = 0; at < to && names < MAX_NAMES; names++) {
      const nameAt = at + 1;
      if (bytes[at] !== QUOTE || isDigit(bytes[nameAt])) return -1;
      const end = textEnd(bytes, nameAt, to);
      if (end < 0 || bytes[end] !== 0x3a || !this.#isNew(bytes, base, names, nameAt, end)) return -1;
      at = this.#value(bytes, end + 1, to);
      if (at < 0 || at >= to) return -1;
      if (bytes[at] === 0x7d) {
        this.#depth--;
        return at + 1;
      }
      if (bytes[at++] !== 0x2c) return -1;
    }
    return -1;
  }

  #isNew(bytes: Uint8Array, base: number, count: number, start: number, end: number): boolean {
    const names = this.#names;
    const length = end - start;
    for (let i = 0; i < count; i++) {
      const other = names[base + 2 * i] as number;
      if ((names[base + 2 * i + 1] as number) - other !== length) continue;
      let same = 0;
      while (same < length && bytes[other + same] === bytes[start + same]) same++;
      if (same === length) return false;
    }
    names[base + 2 * count] = start;
    names[base + 2 * count + 1] = end;
    return true;
  }

  #array(bytes: Uint8Array, start: number, to: number): number {
    if (bytes[start + 1] === 0x5d) return start + 2;
    if (this.#depth === MAX_DEPTH) return -1;
    this.#depth++;
    for (let at = start + 1; at < to; at++) {
      at = this.#value(bytes, at, to);
      if (at < 0 || at >= to) return -1;
      if (bytes[at] === 0x5d) {
        this.#depth--;
        return at + 1;
      }
      if (bytes[at] !== 0x2c) return -1;
    }
    return -1;
  }
}

const wordOf = (word: string): Uint8Array => Uint8Array.from(word, (char) => char.charCodeAt(0));
const TRUE = wordOf('true');
const FALSE = wordOf('false');
const NULL = wordOf('null');

function wordEnd(bytes: Uint8Array, at: number, word: Uint8Array): number {
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return -1;
  return at + word.length;
}

/** After the quote that ends a text, or -1. */
function textEnd(bytes: Uint8Array, start: number, to: number): number {
  for (let at = start; at < to; ) {
    at = plainEnd(bytes, at, to);
    const byte = bytes[at] as number;
    if (at >= to) return -1;
    if (byte === QUOTE) return at + 1;
    if (byte >= 0x80) at = sequenceEnd(bytes, at, to);
    else if (byte === BACKSLASH && ESCAPED.has(bytes[at + 1] as number)) at += 2;
    else return -1;
    if (at < 0) return -1;
  }
  return -1;
}

/** After a number in the form in which JavaScript writes it, or -1. */
function numberEnd(bytes: Uint8Array, start: number, to: number): number {
  let at = start;
  if (bytes[at] === 0x2d) at++;
  const whole = at;
  while (at < to && isDigit(bytes[at])) at++;
  let digits = at - whole;
  if (digits === 0 || (digits > 1 && bytes[whole] === ZERO)) return -1;
  const isZero = bytes[whole] === ZERO;
  if (bytes[at] === 0x2e && at < to) {
    const fraction = ++at;
    while (at < to && isDigit(bytes[at])) at++;
    if (at === fraction || bytes[at - 1] === ZERO) return -1;
    let zeros = 0;
    while (bytes[fraction + zeros] === ZERO) zeros++;
    if (isZero && zeros >= ZEROS_OF_EXPONENT) return -1;
    digits += at - fraction;
  } else if (isZero && whole > start) return -1; // -0
  if (bytes[at] === 0x65 || bytes[at] === 0x45) return -1;
  if (digits <= EXACT_DIGITS) return at;
  if (at - start > LONGEST_NUMBER) return -1;
  const text = String.fromCharCode(...bytes.subarray(start, at));
  return String(Number(text)) === text ? at : -1;
}
