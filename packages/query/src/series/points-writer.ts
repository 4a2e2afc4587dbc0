import { createTimeTeller } from '../time-teller.ts';

/** More than one takes: the longest time, value and count have 75 characters. */
const LONGEST_POINT = 160;
const LIKELY_POINT = 80;

const BEGIN = Buffer.from('{"points":[');
const AT = Buffer.from('{"at":"');
const VALUE = Buffer.from('","value":');
const COUNT = Buffer.from(',"count":');
const [COMMA, CLOSE] = Buffer.from(',}') as unknown as [number, number];

/**
 * The answer of a series as it goes out. Written byte by byte: as texts that are put together, an answer of 1,440 points costs five
 * times as much, half of it for the string to be turned into bytes, and leaves a megabyte of garbage.
 */
export class PointsWriter {
  readonly #tell = createTimeTeller();
  #bytes: Buffer;
  #at: number;
  #isFirst = true;

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
    this.#text(this.#tell(atMs));
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
