import { CanonicalJson } from './canonical-json.ts';
import { utcDayMs } from './rfc3339.ts';
import { FRAME_BYTES } from './schema-frame.ts';
import { plainEnd, plainTextEnd } from './utf8-text.ts';

/** The fields of an event that are texts, or kept as their JSON; by these numbers they are found after a scan. */
export const SCANNED = {
  eventId: 1,
  sessionId: 2,
  type: 3,
  namespace: 4,
  occurredAt: 5,
  userId: 6,
  anonymousId: 7,
  machineId: 8,
  platform: 9,
  source: 10,
  target: 11,
  page: 12,
  referrer: 13,
  userAgent: 14,
  value: 15,
  seq: 16,
  context: 17,
} as const;

type FieldName = keyof typeof SCANNED;

const FIELDS = Object.entries(SCANNED) as [FieldName, number][];
const LONGEST_NAME = 11;

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** Length and first letter tell the names apart. */
const placeOf = (length: number, first: number): number => length * 32 + (first & 31);
const BY_PLACE = new Uint8Array((LONGEST_NAME + 1) * 32);
const NAMES: Uint8Array[] = [];
for (const [name, field] of FIELDS) {
  BY_PLACE[placeOf(name.length, name.charCodeAt(0))] = field;
  NAMES[field] = bytesOf(name);
}

const PROJECT = bytesOf('{"project":');
const RECEIVED = bytesOf(',"receivedAt":');
const SKEW = bytesOf(',"skew":');
const EVENT = bytesOf(',"event":{');

const HEX = new Uint8Array(256).fill(16);
for (let digit = 0; digit < 16; digit++) {
  HEX[digit.toString(16).charCodeAt(0)] = digit;
  HEX[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

/** The first byte of the wire format of a schema registry: see `isFramed`. */
const FRAME = 0;
const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const ZERO = 48;
const POINT = 46;
const COLON = 58;
/** So many digits are exact in a double, and so is a power of ten with so many zeros. */
const EXACT_DIGITS = 15;
/** Longer than any that JavaScript writes. */
const LONGEST_DECIMAL = 25;
const POWERS = Array.from({ length: EXACT_DIGITS + 1 }, (_, exponent) => 10 ** exponent);
const GREATEST_PROJECT = 2 ** 31 - 1;
const UTC_TIME_LENGTH = 24;
const UUID_LENGTH = 36;
const EARLIEST_YEAR = 1000;

/**
 * Reads records of `wayline.events` in the form in which our own ingest writes them, without making a text or an object of any
 * part. It takes nothing that the full reader (`readRecordValue`, `readLoggedEvent`) would refuse or read otherwise, but not all
 * that the full reader takes: escapes, other forms of numbers and times, fields it does not know are left to that.
 *
 * What it found of the last record stands in its properties until the next.
 */
export class LoggedEventScanner {
  project = 0;
  receivedMs = 0;
  skewMs = 0;
  /** Epoch ms; NaN where the event has no `occurredAt`. */
  occurredMs = Number.NaN;
  /** Where there is none, undefined. */
  value: number | undefined;
  seq: number | undefined;
  /** The 16 bytes of `eventId`, four a number, each with a sign. */
  readonly eventId = new Int32Array(4);
  /** Of each field, where it begins and ends in the bytes: of a text within its quotes; 0 and 0 where it is absent. */
  readonly starts = new Int32Array(FIELDS.length + 1);
  readonly ends = new Int32Array(FIELDS.length + 1);
  readonly #json = new CanonicalJson();
  #number = 0;

  /** @returns false where the record, framed or not, which stands between `from` and `to`, has to be read in full */
  scan(bytes: Uint8Array, from: number, to: number): boolean {
    const { starts, ends } = this;
    starts.fill(0);
    ends.fill(0);
    this.occurredMs = Number.NaN;
    this.value = undefined;
    this.seq = undefined;
    this.skewMs = 0;
    const start = bytes[from] === FRAME ? from + FRAME_BYTES : from;
    let at = this.#whole(bytes, after(bytes, start, PROJECT), to);
    this.project = this.#number;
    if (at < 0 || this.project < 1 || this.project > GREATEST_PROJECT) return false;
    at = this.#whole(bytes, after(bytes, at, RECEIVED), to);
    this.receivedMs = this.#number;
    if (at < 0) return false;
    const skewAt = after(bytes, at, SKEW);
    if (skewAt > 0) {
      const negative = bytes[skewAt] === MINUS;
      at = this.#whole(bytes, negative ? skewAt + 1 : skewAt, to);
      this.skewMs = negative && this.#number !== 0 ? -this.#number : this.#number;
      if (at < 0) return false;
    }
    at = after(bytes, at, EVENT);
    if (at < 0) return false;
    for (;;) {
      at = this.#field(bytes, at, to);
      if (at < 0 || at >= to) return false;
      if (bytes[at] !== COMMA) break;
      at++;
    }
    return (
      at + 2 === to &&
      bytes[at] === 0x7d &&
      bytes[at + 1] === 0x7d &&
      ends[SCANNED.eventId] !== 0 &&
      ends[SCANNED.sessionId] !== 0 &&
      ends[SCANNED.type] !== 0
    );
  }

  /** After the name and the value that begin at `start`, or -1. */
  #field(bytes: Uint8Array, start: number, to: number): number {
    if (bytes[start] !== QUOTE) return -1;
    const nameAt = start + 1;
    const nameEnd = plainEnd(bytes, nameAt, Math.min(to, nameAt + LONGEST_NAME + 1));
    const length = nameEnd - nameAt;
    if (length > LONGEST_NAME || bytes[nameEnd] !== QUOTE || bytes[nameEnd + 1] !== COLON) return -1;
    const field = BY_PLACE[placeOf(length, bytes[nameAt] as number)] as number;
    if (field === 0 || this.ends[field] !== 0) return -1;
    const name = NAMES[field] as Uint8Array;
    for (let i = 0; i < length; i++) if (bytes[nameAt + i] !== name[i]) return -1;
    return this.#valueOf(field, bytes, nameEnd + 2, to);
  }

  #valueOf(field: number, bytes: Uint8Array, start: number, to: number): number {
    let from = start;
    let end: number;
    let next: number;
    switch (field) {
      case SCANNED.value:
        next = this.#decimal(bytes, start, to);
        end = next;
        this.value = this.#number;
        break;
      case SCANNED.seq:
        next = this.#whole(bytes, start, to);
        end = next;
        this.seq = this.#number;
        break;
      case SCANNED.context:
        next = this.#json.objectEnd(bytes, start, to);
        end = next;
        break;
      case SCANNED.source:
        next = flatObjectEnd(bytes, start, to);
        end = next;
        break;
      default:
        if (bytes[start] !== QUOTE) return -1;
        from = start + 1;
        end = plainTextEnd(bytes, from, to);
        next = end + 1;
        if (end < 0) return -1;
        if (field === SCANNED.eventId && !this.#uuid(bytes, from, end)) return -1;
        if (field === SCANNED.occurredAt && !this.#time(bytes, from, end)) return -1;
    }
    if (next < 0) return -1;
    this.starts[field] = from;
    this.ends[field] = end;
    return next;
  }

  /** A whole number of at most 15 digits, without a sign. */
  #whole(bytes: Uint8Array, start: number, to: number): number {
    if (start < 0) return -1;
    let at = start;
    let number = 0;
    for (; at < to; at++) {
      const digit = (bytes[at] as number) - ZERO;
      if (!(digit >= 0 && digit <= 9)) break;
      number = number * 10 + digit;
    }
    const digits = at - start;
    if (digits === 0 || digits > EXACT_DIGITS || (digits > 1 && bytes[start] === ZERO)) return -1;
    this.#number = number;
    return at;
  }

  /** Of at most 15 digits: whole numbers that are exact, and one division, which give what JSON.parse gives. Others as texts. */
  #decimal(bytes: Uint8Array, start: number, to: number): number {
    const negative = bytes[start] === MINUS;
    const whole = negative ? start + 1 : start;
    let at = this.#whole(bytes, whole, to);
    if (at < 0) return -1;
    let number = this.#number;
    if (bytes[at] === POINT) {
      const fraction = ++at;
      for (; at < to; at++) {
        const digit = (bytes[at] as number) - ZERO;
        if (!(digit >= 0 && digit <= 9)) break;
        number = number * 10 + digit;
      }
      if (at === fraction || at - start > LONGEST_DECIMAL) return -1;
      if (at - whole - 1 <= EXACT_DIGITS) number /= POWERS[at - fraction] as number;
      else number = Number(String.fromCharCode(...bytes.subarray(whole, at)));
    }
    if (bytes[at] === 0x65 || bytes[at] === 0x45) return -1;
    this.#number = negative ? -number : number;
    return at;
  }

  #uuid(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start !== UUID_LENGTH) return false;
    const id = this.eventId;
    if (bytes[start + 8] !== MINUS || bytes[start + 13] !== MINUS) return false;
    if (bytes[start + 18] !== MINUS || bytes[start + 23] !== MINUS) return false;
    id[0] = (hex4(bytes, start) << 16) | hex4(bytes, start + 4);
    id[1] = (hex4(bytes, start + 9) << 16) | hex4(bytes, start + 14);
    id[2] = (hex4(bytes, start + 19) << 16) | hex4(bytes, start + 24);
    id[3] = (hex4(bytes, start + 28) << 16) | hex4(bytes, start + 32);
    let odd = 0;
    for (let at = start; at < end; at++) odd += (HEX[bytes[at] as number] as number) >> 4;
    return odd === 4; // the hyphens
  }

  /** `YYYY-MM-DDTHH:MM:SS.mmmZ`, as ingest writes every time. */
  #time(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start !== UTC_TIME_LENGTH) return false;
    if (bytes[start + 4] !== MINUS || bytes[start + 7] !== MINUS || bytes[start + 10] !== 0x54) return false;
    if (bytes[start + 13] !== COLON || bytes[start + 16] !== COLON) return false;
    if (bytes[start + 19] !== 0x2e || bytes[start + 23] !== 0x5a) return false;
    const year = digits2(bytes, start) * 100 + digits2(bytes, start + 2);
    const hour = digits2(bytes, start + 11);
    const minute = digits2(bytes, start + 14);
    const second = digits2(bytes, start + 17);
    const ms = digits2(bytes, start + 20) * 10 + digit1(bytes, start + 22);
    // A part that is no number is beyond every limit, too.
    if (!(year >= EARLIEST_YEAR && year <= 9999 && hour <= 23 && minute <= 59 && second <= 59 && ms <= 999))
      return false;
    const day = utcDayMs(year, digits2(bytes, start + 5), digits2(bytes, start + 8));
    if (day === undefined) return false;
    this.occurredMs = day + hour * 3_600_000 + minute * 60_000 + second * 1000 + ms;
    return true;
  }
}

/** After the bytes that are to stand at `start`, or -1; -1 also where `start` is. */
function after(bytes: Uint8Array, start: number, expected: Uint8Array): number {
  if (start < 0) return -1;
  for (let i = 0; i < expected.length; i++) if (bytes[start + i] !== expected[i]) return -1;
  return start + expected.length;
}

const NO_DIGIT = 1_000_000;

function digit1(bytes: Uint8Array, at: number): number {
  const digit = (bytes[at] as number) - ZERO;
  return digit >= 0 && digit <= 9 ? digit : NO_DIGIT;
}

const digits2 = (bytes: Uint8Array, at: number): number => digit1(bytes, at) * 10 + digit1(bytes, at + 1);

/** What is no hex digit counts as anything: it is looked for apart. */
function hex4(bytes: Uint8Array, at: number): number {
  return (
    ((HEX[bytes[at] as number] as number) << 12) |
    ((HEX[bytes[at + 1] as number] as number) << 8) |
    ((HEX[bytes[at + 2] as number] as number) << 4) |
    (HEX[bytes[at + 3] as number] as number)
  );
}

/** After an object whose values are texts without escapes, or -1. */
function flatObjectEnd(bytes: Uint8Array, start: number, to: number): number {
  if (bytes[start] !== 0x7b) return -1;
  for (let at = start + 1; at < to; at++) {
    if (bytes[at] !== QUOTE) return -1;
    const nameEnd = plainTextEnd(bytes, at + 1, to);
    if (nameEnd < 0 || bytes[nameEnd + 1] !== COLON || bytes[nameEnd + 2] !== QUOTE) return -1;
    const end = plainTextEnd(bytes, nameEnd + 3, to);
    if (end < 0) return -1;
    at = end + 1;
    if (bytes[at] === 0x7d) return at + 1;
    if (bytes[at] !== COMMA) return -1;
  }
  return -1;
}
