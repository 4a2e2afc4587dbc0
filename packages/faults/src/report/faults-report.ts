import type { StepOutcome } from '../run/run-step.ts';

/** What was seen of one kind of fault. Times are ms after it was healed. */
export interface KindFigures {
  kind: string;
  times: number;
  /** Of these, so many beside a fault of another kind. */
  paired: number;
  /** Until an event sent then was acknowledged. */
  acknowledgedP50Ms: number;
  acknowledgedMaxMs: number;
  /** Until events sent then were stored on every partition. */
  storedP50Ms: number;
  storedMaxMs: number;
  retries: number;
  duplicates: number;
  endedByThemselves: number;
}

export interface FaultsReport {
  seed: number;
  /** Faults that were injected. */
  faults: number;
  seconds: number;
  acknowledged: number;
  stored: number;
  duplicates: number;
  retries: number;
  kinds: KindFigures[];
  notes: string[];
  /** Empty where all is as promised. */
  wrong: string[];
}

const middle = (sorted: readonly number[]): number => sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
const ascending = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** By kind, in the order given. Of two faults at once, both get the figures of their step. */
export function figuresByKind(names: readonly string[], outcomes: readonly StepOutcome[]): KindFigures[] {
  return names.flatMap((name) => {
    const own = outcomes.filter(({ injected }) => injected.some(({ kind }) => kind.name === name));
    if (own.length === 0) return [];
    const acknowledged = ascending(own.map(({ acknowledgedMs }) => acknowledgedMs));
    const stored = ascending(own.map(({ storedMs }) => storedMs));
    return {
      kind: name,
      times: own.length,
      paired: own.filter(({ injected }) => injected.length > 1).length,
      acknowledgedP50Ms: middle(acknowledged),
      acknowledgedMaxMs: acknowledged.at(-1) ?? 0,
      storedP50Ms: middle(stored),
      storedMaxMs: stored.at(-1) ?? 0,
      retries: sum(own.map(({ retries }) => retries)),
      duplicates: sum(own.map(({ duplicates }) => duplicates)),
      endedByThemselves: sum(own.map(({ endedByThemselves }) => endedByThemselves)),
    };
  });
}
