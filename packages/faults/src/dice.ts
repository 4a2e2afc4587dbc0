import { seededRandom } from '@wayline/testkit';

/** What is drawn from one seed. */
export interface Dice {
  /** In [0, 1). */
  random(): number;
  /** From `low` up to `high`, not a whole number. */
  between(low: number, high: number): number;
  /** A whole number from 0 below n. */
  below(n: number): number;
  happens(share: number): boolean;
  /** The list must not be empty. */
  pick<T>(list: readonly T[]): T;
  shuffle<T>(list: readonly T[]): T[];
}

export function createDice(seed: number): Dice {
  const random = seededRandom(seed);
  const below = (n: number): number => Math.floor(random() * n);
  return {
    random,
    below,
    between: (low, high) => low + random() * (high - low),
    happens: (share) => random() < share,
    pick: <T>(list: readonly T[]): T => list[below(list.length)] as T,
    shuffle<T>(list: readonly T[]): T[] {
      const shuffled = [...list];
      for (let i = shuffled.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T];
      }
      return shuffled;
    },
  };
}
