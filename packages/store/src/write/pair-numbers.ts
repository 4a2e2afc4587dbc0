const FIRST_SLOTS = 256;

/** Spreads what lies close together, so that the low bits tell hashes apart. */
export function mixHash(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return mixed ^ (mixed >>> 13);
}

/** Numbers pairs of whole numbers, from 0 on in the order in which they come: the same pair has the same number. */
export class PairNumbers {
  #count = 0;
  #slots = new Int32Array(FIRST_SLOTS);
  #left = new Float64Array(FIRST_SLOTS);
  #right = new Float64Array(FIRST_SLOTS);

  get size(): number {
    return this.#count;
  }

  leftOf(number: number): number {
    return this.#left[number] as number;
  }

  rightOf(number: number): number {
    return this.#right[number] as number;
  }

  numberOf(left: number, right: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hashOf(left, right) & mask; ; slot = (slot + 1) & mask) {
      const number = (this.#slots[slot] as number) - 1;
      if (number < 0) return this.#add(left, right, slot);
      if (this.#left[number] === left && this.#right[number] === right) return number;
    }
  }

  #add(left: number, right: number, slot: number): number {
    const number = this.#count++;
    if (number >= this.#left.length) this.#grow();
    this.#left[number] = left;
    this.#right[number] = right;
    this.#slots[slot] = number + 1;
    if (2 * this.#count > this.#slots.length) this.#spread();
    return number;
  }

  #grow(): void {
    const [left, right] = [this.#left, this.#right];
    this.#left = new Float64Array(2 * left.length);
    this.#right = new Float64Array(2 * right.length);
    this.#left.set(left);
    this.#right.set(right);
  }

  #spread(): void {
    const slots = new Int32Array(2 * this.#slots.length);
    const mask = slots.length - 1;
    for (let number = 0; number < this.#count; number++) {
      let slot = hashOf(this.#left[number] as number, this.#right[number] as number) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
  }
}

const hashOf = (left: number, right: number): number => mixHash(Math.imul(left | 0, 0x9e3779b1 | 0) ^ (right | 0));
