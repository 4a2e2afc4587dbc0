const HALF_DIGITS = 6;
const HALF = 2n ** 24n;

/**
 * A sum over the last twelve hex digits of ids, in whatever order they come: two sets of as many different ids with the
 * same sum are as good as certainly the same set. Costs no memory, and PostgreSQL can make it of what it holds.
 */
export class IdSum {
  #count = 0;
  // Two halves of 24 bits, so that whole numbers of JavaScript hold the sums of a hundred million ids.
  #high = 0;
  #low = 0;

  /** @param id a UUID in its usual form */
  add(id: string): void {
    this.#count++;
    this.#high += Number.parseInt(id.slice(-2 * HALF_DIGITS, -HALF_DIGITS), 16);
    this.#low += Number.parseInt(id.slice(-HALF_DIGITS), 16);
  }

  get count(): number {
    return this.#count;
  }

  /** In decimal digits, as PostgreSQL writes it. */
  get sum(): string {
    return String(BigInt(this.#high) * HALF + BigInt(this.#low));
  }
}
