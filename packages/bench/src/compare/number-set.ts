/** A set of whole numbers from 0 on, dense: a bit each. */
export class NumberSet {
  #bits: Uint8Array;
  #size = 0;

  /** @param bits what `bytes` of another gave */
  constructor(bits: Uint8Array = new Uint8Array(1024)) {
    this.#bits = bits;
    for (let byte of bits) for (; byte > 0; byte &= byte - 1) this.#size++;
  }

  get size(): number {
    return this.#size;
  }

  /** False if it was in the set before. */
  add(n: number): boolean {
    const at = Math.floor(n / 8);
    if (at >= this.#bits.length) {
      const larger = new Uint8Array(Math.max(at + 1, this.#bits.length * 2));
      larger.set(this.#bits);
      this.#bits = larger;
    }
    const bit = 1 << (n % 8);
    const before = this.#bits[at] as number;
    if (before & bit) return false;
    this.#bits[at] = before | bit;
    this.#size++;
    return true;
  }

  has(n: number): boolean {
    return (((this.#bits[Math.floor(n / 8)] ?? 0) >> (n % 8)) & 1) === 1;
  }

  get bytes(): Uint8Array {
    return this.#bits;
  }
}
