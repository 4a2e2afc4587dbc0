import { expect, test } from '@jest/globals';
import type { FaultKind } from '../src/kinds/fault-kind.ts';
import { type FaultsReport, figuresByKind } from '../src/report/faults-report.ts';
import { faultsTable } from '../src/report/faults-table.ts';
import type { StepOutcome } from '../src/run/run-step.ts';

const kind = (name: string): FaultKind => ({
  name,
  area: 'worker',
  holdSeconds: [0, 1],
  inject: async () => undefined,
});
const planned = (name: string) => ({ kind: kind(name), holdMs: 0, seed: 0 });

function outcome(names: readonly string[], storedMs: number): StepOutcome {
  return {
    injected: names.map(planned),
    acknowledgedMs: 100,
    storedMs,
    retries: 2,
    duplicates: 3,
    endedByThemselves: 1,
  };
}

const OUTCOMES = [
  outcome(['killed'], 3000),
  outcome(['killed', 'crash'], 9000),
  outcome(['killed'], 1000),
  outcome(['crash'], 500),
];

test('figures are told by kind, in the order given, without kinds that did not come', () => {
  const figures = figuresByKind(['crash', 'restored', 'killed'], OUTCOMES);
  expect(figures.map((each) => each.kind)).toEqual(['crash', 'killed']);
  expect(figures[1]).toEqual({
    kind: 'killed',
    times: 3,
    paired: 1,
    acknowledgedP50Ms: 100,
    acknowledgedMaxMs: 100,
    storedP50Ms: 3000,
    storedMaxMs: 9000,
    retries: 6,
    duplicates: 9,
    endedByThemselves: 3,
  });
});

test('the table has a line for each kind, and the seed', () => {
  const report: FaultsReport = {
    seed: 77,
    faults: 5,
    seconds: 61.2,
    acknowledged: 1000,
    stored: 1000,
    duplicates: 12,
    retries: 8,
    kinds: figuresByKind(['crash', 'killed'], OUTCOMES),
    notes: [],
    wrong: [],
  };
  const lines = faultsTable(report).split('\n');
  expect(lines[2]).toMatch(/^crash +2 +1 +0\.1 +0\.1 +0\.5 +9\.0 /);
  expect(lines[3]).toMatch(/^killed +3 +1 +0\.1 +0\.1 +3\.0 +9\.0 /);
  expect(lines.at(-1)).toMatch(/^seed 77: 5 faults in 61 s; 1000 events acknowledged, 1000 stored, 12 duplicates/);
});
