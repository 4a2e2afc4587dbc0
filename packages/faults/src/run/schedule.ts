import { createDice, type Dice } from '../dice.ts';
import type { FaultKind } from '../kinds/fault-kind.ts';

export interface PlannedFault {
  kind: FaultKind;
  holdMs: number;
  /** For what the fault itself draws: so that nothing of the schedule depends on how far a fault got. */
  seed: number;
}

/** Faults that overlap: they begin one after the other and are healed together. */
export type Step = readonly PlannedFault[];

export interface ScheduleOptions {
  seed: number;
  /** How much of the steps are of two faults. */
  pairShare: number;
  /** Holds are that much longer or shorter. Default 1. */
  holdScale?: number;
}

/**
 * Steps without end, the same for the same seed and kinds. Kinds are dealt from a deck, which is shuffled anew when it is
 * empty: so each comes as often as it has cards.
 */
export function* createSchedule(kinds: readonly FaultKind[], options: ScheduleOptions): Generator<Step, never, void> {
  const { seed, pairShare, holdScale = 1 } = options;
  if (kinds.length === 0) throw new RangeError('There is no kind of fault to choose from');
  const dice = createDice(seed);
  const cards = kinds.flatMap((kind) => Array.from({ length: kind.cards ?? 1 }, () => kind));
  let deck: FaultKind[] = [];
  for (;;) {
    if (deck.length === 0) deck = dice.shuffle(cards);
    const first = deck.shift() as FaultKind;
    const pair = dice.happens(pairShare);
    const partner = pair && !first.alone ? deck.findIndex((kind) => goTogether(first, kind)) : -1;
    const chosen = partner >= 0 ? [first, ...deck.splice(partner, 1)] : [first];
    // Those that wait for a moment of the traffic come first, and a database that is away would keep it from coming.
    chosen.sort((a, b) => Number(b.waits ?? false) - Number(a.waits ?? false));
    yield chosen.map((kind) => plan(kind, dice, holdScale));
  }
}

function plan(kind: FaultKind, dice: Dice, holdScale: number): PlannedFault {
  const [least, most] = kind.holdSeconds;
  return { kind, holdMs: dice.between(least, most) * 1000 * holdScale, seed: dice.below(2 ** 31) };
}

/**
 * Never two of one area: two brokers down, or a topic made again while workers are killed, is more than is promised. Of
 * two that wait for the traffic, one would keep the other waiting.
 */
function goTogether(a: FaultKind, b: FaultKind): boolean {
  return a.area !== b.area && !a.alone && !b.alone && !(a.waits && b.waits);
}
