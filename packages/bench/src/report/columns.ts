import type { BenchCase } from './bench-report.ts';
import { count, number } from './figures.ts';
import { table } from './table.ts';

export interface Column {
  title: string;
  /** What stands in it of a case; empty where the case has nothing of the kind. */
  cell(found: BenchCase): string;
}

/** The cases as they are shown on the screen, without what none of them has. */
export function tableOf(cases: readonly BenchCase[], columns: readonly Column[]): string {
  const shown = columns.filter(({ cell }) => cases.some((found) => cell(found) !== ''));
  return table(
    shown.map(({ title }) => title),
    cases.map((found) => shown.map(({ cell }) => cell(found))),
  );
}

type Figure = { [Name in keyof BenchCase]-?: number extends BenchCase[Name] ? Name : never }[keyof BenchCase];

/** A figure of each case, with so many digits after the point. */
export const figure = (title: string, name: Figure, digits: number): Column => ({
  title,
  cell: (found) => number(found[name], digits),
});

/** How resident memory went, in MB. */
export const MEMORY_COURSE: Column = {
  title: 'first → last third',
  cell: ({ memory }) => (memory ? `${number(memory.firstMb, 0)} → ${number(memory.lastMb, 0)}` : ''),
};

/** How each case is called, and how fast it was. */
export const caseAndRate = (unit: string): readonly Column[] => [
  { title: 'case', cell: (found) => found.case },
  { title: unit, cell: ({ eventsPerSecond }) => count(eventsPerSecond) },
  {
    title: 'min–max',
    cell: ({ runs, eventsPerSecondMin, eventsPerSecondMax }) =>
      runs > 1 ? `${count(eventsPerSecondMin)}–${count(eventsPerSecondMax)}` : '',
  },
];
