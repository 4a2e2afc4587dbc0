export interface JsonErrorPlace {
  /** Index into the text, in UTF-16 code units; the length of the text where it ends too early. */
  position: number;
  /** Both from 1. */
  line: number;
  column: number;
  reason: string;
}

class Misplaced {
  readonly position: number;
  readonly reason: string;
  constructor(position: number, reason: string) {
    this.position = position;
    this.reason = reason;
  }
}

const ENDS = 'the text ends too early';
const isDigit = (char: string | undefined): boolean => char !== undefined && char >= '0' && char <= '9';

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++;
  return at;
}

/** The index after the closing quote of the string that begins at `from`. */
function stringEnd(text: string, from: number): number | Misplaced {
  for (let at = from + 1; at < text.length; at++) {
    const char = text[at] as string;
    if (char === '"') return at + 1;
    if (char < ' ') return new Misplaced(at, 'a control character in a string must be escaped');
    if (char !== '\\') continue;
    at++;
    if (text[at] === 'u') {
      for (const end = at + 4; at < end; at++) {
        if (at + 1 < text.length && !/[0-9a-fA-F]/.test(text[at + 1] as string)) {
          return new Misplaced(at + 1, 'expected four hexadecimal digits');
        }
      }
    } else if (at < text.length && !'"\\/bfnrt'.includes(text[at] as string)) {
      return new Misplaced(at, 'there is no such escape');
    }
  }
  return new Misplaced(text.length, ENDS);
}

function digitsEnd(text: string, from: number): number | Misplaced {
  let at = from;
  while (isDigit(text[at])) at++;
  return at > from ? at : new Misplaced(at, at < text.length ? 'expected a digit' : ENDS);
}

function numberEnd(text: string, from: number): number | Misplaced {
  const whole = text[from] === '-' ? from + 1 : from;
  let at = text[whole] === '0' ? whole + 1 : digitsEnd(text, whole);
  if (typeof at === 'number' && text[at] === '.') at = digitsEnd(text, at + 1);
  if (typeof at === 'number' && (text[at] === 'e' || text[at] === 'E')) {
    const signed = text[at + 1] === '+' || text[at + 1] === '-';
    at = digitsEnd(text, at + (signed ? 2 : 1));
  }
  return at;
}

/** The index after a value that holds no others. */
function scalarEnd(text: string, at: number): number | Misplaced {
  const char = text[at];
  if (char === '"') return stringEnd(text, at);
  if (char === '-' || isDigit(char)) return numberEnd(text, at);
  for (const word of ['true', 'false', 'null']) {
    if (text.startsWith(word, at)) return at + word.length;
  }
  return new Misplaced(at, 'expected a value');
}

/** Without recursion, so that no depth of nesting overflows the stack. */
function firstMisplaced(text: string): Misplaced | undefined {
  /** What closes each object and list that is open. */
  const closers: ('}' | ']')[] = [];
  let expected: 'value' | 'name' | 'separator' = 'value';
  let justOpened = false;
  let at = 0;

  for (;;) {
    at = skipBlanks(text, at);
    const closer = closers.at(-1);
    if (at >= text.length) {
      return expected === 'separator' && closer === undefined ? undefined : new Misplaced(text.length, ENDS);
    }
    const char = text[at];

    if (closer !== undefined && char === closer && (expected === 'separator' || justOpened)) {
      closers.pop();
      expected = 'separator';
      justOpened = false;
      at++;
    } else if (expected === 'separator') {
      if (closer === undefined) return new Misplaced(at, 'nothing may follow the value');
      if (char !== ',') return new Misplaced(at, `expected , or ${closer}`);
      expected = closer === '}' ? 'name' : 'value';
      at++;
    } else if (expected === 'name') {
      if (char !== '"') return new Misplaced(at, 'expected a name in double quotes');
      const end = stringEnd(text, at);
      if (typeof end !== 'number') return end;
      at = skipBlanks(text, end);
      if (text[at] !== ':') return new Misplaced(at, at < text.length ? 'expected :' : ENDS);
      expected = 'value';
      justOpened = false;
      at++;
    } else if (char === '{' || char === '[') {
      closers.push(char === '{' ? '}' : ']');
      expected = char === '{' ? 'name' : 'value';
      justOpened = true;
      at++;
    } else {
      const end = scalarEnd(text, at);
      if (typeof end !== 'number') return end;
      expected = 'separator';
      justOpened = false;
      at = end;
    }
  }
}

/**
 * Where a text stops being JSON and why, in words of our own: those of `JSON.parse` differ between versions, and often
 * name no place. Undefined if the text is JSON.
 */
export function locateJsonError(text: string): JsonErrorPlace | undefined {
  const misplaced = firstMisplaced(text);
  if (!misplaced) return undefined;
  const { position, reason } = misplaced;
  const before = text.slice(0, position);
  return { position, reason, line: before.split('\n').length, column: position - before.lastIndexOf('\n') };
}
