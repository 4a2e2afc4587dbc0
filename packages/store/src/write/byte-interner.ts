import { mixHash } from './pair-numbers.ts';

const FIRST_SLOTS = 1024;
const NOTHING = new DataView(new ArrayBuffer(0));
const EMPTY_LENGTHS = new Int32Array(0);

/**
 * Numbers texts by their bytes, from 0 on in the order in which they come: the same bytes have the same number. The bytes are
 * not copied: who gives them must leave them as they are until `clear`.
 */
export class ByteInterner {
  #count = 0;
  /** Numbers, one more than they are, by hash; 0 where there is none. */
  #slots = new Int32Array(FIRST_SLOTS);
  #hashes = EMPTY_LENGTHS;
  #starts = EMPTY_LENGTHS;
  #lengths = EMPTY_LENGTHS;
  #buffers: Uint8Array[] = [];
  #views: DataView[] = [];
  /** Of the bytes that were given last. */
  #view: DataView = NOTHING;
  #viewed: Uint8Array | undefined;
  #texts: (string | undefined)[] = [];

  get size(): number {
    return this.#count;
  }

  numberOf(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (bytes !== this.#viewed) {
      this.#viewed = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    const hash = hashOf(this.#view, start, end);
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const number = (this.#slots[slot] as number) - 1;
      if (number < 0) return this.#add(bytes, start, length, hash, slot);
      if (this.#hashes[number] === hash && this.#lengths[number] === length && this.#same(number, start, length)) {
        return number;
      }
    }
  }

  bufferOf(number: number): Uint8Array {
    return this.#buffers[number] as Uint8Array;
  }

  startOf(number: number): number {
    return this.#starts[number] as number;
  }

  lengthOf(number: number): number {
    return this.#lengths[number] as number;
  }

  textOf(number: number): string {
    let text = this.#texts[number];
    if (text === undefined) {
      const { buffer, byteOffset } = this.#buffers[number] as Uint8Array;
      const start = this.#starts[number] as number;
      text = Buffer.from(buffer, byteOffset + start, this.#lengths[number]).toString();
      this.#texts[number] = text;
    }
    return text;
  }

  /** By bytes, as PostgreSQL sorts texts with COLLATE "C". */
  compare(a: number, b: number): number {
    if (a === b) return 0;
    const left = this.#buffers[a] as Uint8Array;
    const right = this.#buffers[b] as Uint8Array;
    const leftAt = this.#starts[a] as number;
    const rightAt = this.#starts[b] as number;
    const leftLength = this.#lengths[a] as number;
    const rightLength = this.#lengths[b] as number;
    const length = Math.min(leftLength, rightLength);
    for (let i = 0; i < length; i++) {
      const difference = (left[leftAt + i] as number) - (right[rightAt + i] as number);
      if (difference !== 0) return difference;
    }
    return leftLength - rightLength;
  }

  clear(): void {
    this.#count = 0;
    this.#slots.fill(0);
    this.#buffers.length = 0;
    this.#views.length = 0;
    this.#viewed = undefined;
    this.#view = NOTHING;
    this.#texts.length = 0;
  }

  /** Of the bytes that were given last. */
  #same(number: number, start: number, length: number): boolean {
    const view = this.#view;
    const other = this.#views[number] as DataView;
    const otherAt = this.#starts[number] as number;
    let i = 0;
    for (; i + 4 <= length; i += 4) if (other.getInt32(otherAt + i) !== view.getInt32(start + i)) return false;
    for (; i < length; i++) if (other.getUint8(otherAt + i) !== view.getUint8(start + i)) return false;
    return true;
  }

  #add(bytes: Uint8Array, start: number, length: number, hash: number, slot: number): number {
    const number = this.#count++;
    if (number >= this.#hashes.length) this.#grow();
    this.#hashes[number] = hash;
    this.#starts[number] = start;
    this.#lengths[number] = length;
    this.#buffers.push(bytes);
    this.#views.push(this.#view);
    this.#texts.push(undefined);
    this.#slots[slot] = number + 1;
    if (2 * this.#count > this.#slots.length) this.#spread();
    return number;
  }

  #grow(): void {
    const size = Math.max(256, 2 * this.#hashes.length);
    this.#hashes = resized(this.#hashes, size);
    this.#starts = resized(this.#starts, size);
    this.#lengths = resized(this.#lengths, size);
  }

  #spread(): void {
    const slots = new Int32Array(2 * this.#slots.length);
    const mask = slots.length - 1;
    for (let number = 0; number < this.#count; number++) {
      let slot = (this.#hashes[number] as number) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
  }
}

/** Four bytes at a time. */
function hashOf(view: DataView, start: number, end: number): number {
  let hash = end - start;
  let at = start;
  for (; at + 4 <= end; at += 4) hash = Math.imul(hash ^ view.getInt32(at), 0x01000193) ^ (hash >>> 15);
  for (; at < end; at++) hash = Math.imul(hash ^ view.getUint8(at), 0x01000193);
  return mixHash(hash);
}

function resized(from: Int32Array, size: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(size);
  to.set(from);
  return to;
}
