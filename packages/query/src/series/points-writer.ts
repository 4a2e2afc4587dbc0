import { isoTime } from '../iso-time.ts';

const DAY_MS = 24 * 3_600_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** More than one takes: the longest time, value and count have 75 characters. */
const LONGEST_POINT = 160;
const LIKELY_POINT = 80;

const BEGIN = Buffer.from('{"points":[');
const AT = Buffer.from('{"at":"');
const VALUE = Buffer.from('Z","value":');
const COUNT = Buffer.from(',"count":');
const [COMMA, CLOSE, COLON, DOT, ZERO] = Buffer.from(',}:.0') as unknown as [number, number, number, number, number];

/**
 * The answer of a series as it goes out. Written byte by byte: as texts that are put together, an answer of 1,440 points costs five
 * times as much, half of it for the string to be turned into bytes, and leaves a megabyte of garbage.
 */
export class PointsWriter {
  #bytes: Buffer;
  #at: number;
  #isFirst = true;
  #day = Number.NaN;
  /** Of that day, up to the hour. */
  #date = '';

  /** @param points how many there will be, about */
  constructor(points: number) {
    this.#bytes = Buffer.allocUnsafe(points * LIKELY_POINT + 1_024);
    this.#at = BEGIN.copy(this.#bytes);
  }

  /**
   * @param atMs epoch ms: the lowest corrected time of the group; of an empty group, its start
   * @param value null, or finite
   */
  add(atMs: number, value: number | null, count: number): void {
    this.#makeRoom(LONGEST_POINT);
    if (!this.#isFirst) this.#bytes[this.#at++] = COMMA;
    this.#isFirst = false;
    this.#bytesOf(AT);
    this.#time(atMs);
    this.#bytesOf(VALUE);
    this.#text(String(value));
    this.#bytesOf(COUNT);
    this.#text(String(count));
    this.#bytes[this.#at++] = CLOSE;
  }

  /** @param rest the fields after the points, at least one */
  end(rest: object): Buffer {
    const text = Buffer.from(`],${JSON.stringify(rest).slice(1)}`);
    this.#makeRoom(text.length);
    this.#at += text.copy(this.#bytes, this.#at);
    return this.#bytes.subarray(0, this.#at);
  }

  #makeRoom(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(this.#bytes.length * 2 + bytes);
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }

  /** As `isoTime` tells it, up to the Z. */
  #time(ms: number): void {
    const day = Math.floor(ms / DAY_MS);
    if (day !== this.#day) {
      this.#date = isoTime(day * DAY_MS).slice(0, -'00:00:00.000Z'.length);
      this.#day = day;
    }
    this.#text(this.#date);
    const rest = ms - day * DAY_MS;
    this.#twoDigits(Math.floor(rest / HOUR_MS));
    this.#bytes[this.#at++] = COLON;
    this.#twoDigits(Math.floor(rest / MINUTE_MS) % 60);
    this.#bytes[this.#at++] = COLON;
    this.#twoDigits(Math.floor(rest / 1000) % 60);
    this.#bytes[this.#at++] = DOT;
    const thousandths = Math.floor(rest) % 1000;
    this.#bytes[this.#at++] = ZERO + Math.floor(thousandths / 100);
    this.#twoDigits(thousandths % 100);
  }

  #twoDigits(n: number): void {
    const tens = Math.floor(n / 10);
    this.#bytes[this.#at++] = ZERO + tens;
    this.#bytes[this.#at++] = ZERO + n - 10 * tens;
  }

  #bytesOf(bytes: Buffer): void {
    const [to, at, length] = [this.#bytes, this.#at, bytes.length];
    for (let i = 0; i < length; i++) to[at + i] = bytes[i] as number;
    this.#at += length;
  }

  /** Of ASCII. */
  #text(text: string): void {
    const [to, at, length] = [this.#bytes, this.#at, text.length];
    for (let i = 0; i < length; i++) to[at + i] = text.charCodeAt(i);
    this.#at += length;
  }
}
