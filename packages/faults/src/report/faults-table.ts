import type { FaultsReport, KindFigures } from './faults-report.ts';

const HEAD = [
  'fault',
  'times',
  'paired',
  'acked p50',
  'max s',
  'stored p50',
  'max s',
  'retries',
  'duplicates',
  'restarts',
];

const seconds = (ms: number): string => (ms / 1000).toFixed(1);

const cellsOf = (row: KindFigures): string[] => [
  row.kind,
  String(row.times),
  String(row.paired),
  seconds(row.acknowledgedP50Ms),
  seconds(row.acknowledgedMaxMs),
  seconds(row.storedP50Ms),
  seconds(row.storedMaxMs),
  String(row.retries),
  String(row.duplicates),
  String(row.endedByThemselves),
];

/** A line for each kind of fault, with columns of equal width, and what it comes to. */
export function faultsTable(report: FaultsReport): string {
  const rows = [HEAD, ...report.kinds.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const lines = rows.map((cells) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  const { seed, faults, acknowledged, stored, duplicates, retries } = report;
  const summary = `seed ${seed}: ${faults} faults in ${Math.round(report.seconds)} s; ${acknowledged} events acknowledged, ${stored} stored, ${duplicates} duplicates recognised, ${retries} requests tried again`;
  return [lines[0], rule, ...lines.slice(1), '', summary].join('\n');
}
