import { expect, test } from '@jest/globals';
import type { Area, FaultKind } from '../src/kinds/fault-kind.ts';
import { createSchedule, type Step } from '../src/run/schedule.ts';

const kind = (name: string, area: Area, more: Partial<FaultKind> = {}): FaultKind => ({
  name,
  area,
  holdSeconds: [1, 3],
  inject: async () => async () => {},
  ...more,
});

const KINDS = [
  kind('worker killed', 'worker'),
  kind('killed in a COPY', 'worker', { waits: true, cards: 2 }),
  kind('answers lost', 'ingest', { waits: true }),
  kind('broker killed', 'log'),
  kind('broker cut off', 'log'),
  kind('crash', 'database'),
  kind('restored', 'database', { alone: true }),
];

function steps(count: number, seed = 1, pairShare = 0.7): Step[] {
  const schedule = createSchedule(KINDS, { seed, pairShare });
  return Array.from({ length: count }, () => schedule.next().value);
}

const namesOf = (step: Step): string[] => step.map(({ kind: { name } }) => name);
const told = (list: readonly Step[]) =>
  list.map((step) => step.map(({ kind: { name }, holdMs, seed }) => ({ name, holdMs, seed })));

test('the same seed gives the same schedule, and another seed another one', () => {
  expect(told(steps(100, 7))).toEqual(told(steps(100, 7)));
  expect(told(steps(100, 7))).not.toEqual(told(steps(100, 8)));
});

test('two faults at once are of different areas, none of them is one that goes alone, and only one waits for the traffic', () => {
  const pairs = steps(500).filter((step) => step.length > 1);
  expect(pairs.length).toBeGreaterThan(50);
  for (const pair of pairs) {
    expect(pair).toHaveLength(2);
    expect(new Set(pair.map(({ kind: { area } }) => area)).size).toBe(2);
    expect(namesOf(pair)).not.toContain('restored');
    expect(pair.filter(({ kind: { waits } }) => waits).length).toBeLessThanOrEqual(1);
    expect(pair[1]?.kind.waits ?? false).toBe(false); // it begins first
  }
});

test('each kind comes as often as it has cards', () => {
  const times = new Map<string, number>();
  for (const name of steps(2000, 3, 0.4).flatMap(namesOf)) times.set(name, (times.get(name) ?? 0) + 1);
  const usual = times.get('crash') as number;
  for (const { name, cards = 1 } of KINDS) {
    expect(Math.abs((times.get(name) as number) - cards * usual)).toBeLessThanOrEqual(cards);
  }
});

test('a fault is held for a time between its bounds, scaled', () => {
  const schedule = createSchedule(KINDS, { seed: 5, pairShare: 0, holdScale: 0.5 });
  for (let i = 0; i < 100; i++) {
    for (const { holdMs } of schedule.next().value) {
      expect(holdMs).toBeGreaterThanOrEqual(500);
      expect(holdMs).toBeLessThan(1500);
    }
  }
});
