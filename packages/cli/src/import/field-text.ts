const CONTROL: Record<string, string> = { n: '\n', t: '\t', r: '\r', b: '\b', v: '\v', f: '\f', '"': '"', '\\': '\\' };
const ESCAPE = /\\(?:x([0-9A-Fa-f]{2})|(.))/gs;
const BEYOND_ASCII = /[\x80-\xff]/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The text of a field of an access log, from its bytes as Latin-1. Apache and nginx escape quotes, backslashes and what is
 * not printable; the bytes are UTF-8 or else taken for Latin-1. NUL, which no event may hold, stays escaped.
 */
export function fieldText(raw: string): string {
  const bytes = raw.includes('\\') ? raw.replace(ESCAPE, unescaped) : raw;
  const text = BEYOND_ASCII.test(bytes) ? decode(bytes) : bytes;
  return text.includes('\0') ? text.replaceAll('\0', '\\x00') : text;
}

function unescaped(whole: string, hex: string | undefined, letter: string | undefined): string {
  if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
  return CONTROL[letter ?? ''] ?? whole;
}

function decode(bytes: string): string {
  try {
    return utf8.decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return bytes;
  }
}

/** The text, or as many whole code points of it as an event may hold. */
export function cutText(text: string, maxCodePoints: number): string {
  if (text.length <= maxCodePoints) return text;
  // Twice as many code units are enough, and a pair that they would cut comes after the last code point kept.
  const codePoints = [...text.slice(0, 2 * maxCodePoints)];
  return codePoints.length <= maxCodePoints && text.length <= 2 * maxCodePoints
    ? text
    : codePoints.slice(0, maxCodePoints).join('');
}
