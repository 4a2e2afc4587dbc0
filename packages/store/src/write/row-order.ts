import { FLOAT, FLOATS, INT, INTS } from './event-columns.ts';
import type { EventTable } from './event-table.ts';

/** Rows of one session are put in order by insertion up to so many; most are in order already. */
const FEW = 24;

/** As PostgreSQL compares uuids. */
export function compareEventIds({ ints }: EventTable, a: number, b: number): number {
  for (let i = 0; i < 4; i++) {
    const left = ints[a * INTS + INT.id + i] as number;
    const right = ints[b * INTS + INT.id + i] as number;
    if (left !== right) return left >>> 0 < right >>> 0 ? -1 : 1;
  }
  return 0;
}

function compareInSession(table: EventTable, a: number, b: number): number {
  const { floats } = table;
  const difference = (floats[a * FLOATS + FLOAT.keyMs] as number) - (floats[b * FLOATS + FLOAT.keyMs] as number);
  return difference !== 0 ? difference : compareEventIds(table, a, b);
}

/** Whether two rows are of the same project and session. */
export function isSameSession({ ints }: EventTable, a: number, b: number): boolean {
  return (
    ints[a * INTS + INT.session] === ints[b * INTS + INT.session] &&
    ints[a * INTS + INT.project] === ints[b * INTS + INT.project]
  );
}

/** Whether two rows have the same primary key. */
export const isSameKey = (table: EventTable, a: number, b: number): boolean =>
  isSameSession(table, a, b) && compareInSession(table, a, b) === 0;

/** The rows of one session, one behind another: from `first` on to `last`. */
interface Group {
  project: number;
  session: number;
  first: number;
  last: number;
  /** Another project's session of the same name. */
  other: Group | undefined;
}

/**
 * By the primary key, so that transactions over the same rows wait for one another and never in a circle; rows of the
 * same key stay in their order. Gathered by session first: there are far fewer sessions than rows, and within one the
 * rows are most often in order.
 */
export function sortRows(table: EventTable, rows: Int32Array): Int32Array {
  const { ints, sessions } = table;
  const next = new Int32Array(table.rows);
  const groups: Group[] = [];
  const bySession: (Group | undefined)[] = new Array(sessions.size);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    const project = ints[row * INTS + INT.project] as number;
    const session = ints[row * INTS + INT.session] as number;
    let group = bySession[session];
    while (group && group.project !== project) group = group.other;
    next[row] = -1;
    if (group) {
      next[group.last] = row;
      group.last = row;
    } else {
      group = { project, session, first: row, last: row, other: bySession[session] };
      bySession[session] = group;
      groups.push(group);
    }
  }
  groups.sort((a, b) => a.project - b.project || sessions.compare(a.session, b.session));
  const sorted = new Int32Array(rows.length);
  let end = 0;
  for (const { first } of groups) {
    const start = end;
    for (let row = first; row >= 0; row = next[row] as number) sorted[end++] = row;
    sortWithin(table, sorted, start, end);
  }
  return sorted;
}

/** Of equals the first stays the first. */
function sortWithin(table: EventTable, rows: Int32Array, start: number, end: number): void {
  if (end - start > FEW) {
    let at = start + 1;
    while (at < end && compareInSession(table, rows[at - 1] as number, rows[at] as number) <= 0) at++;
    if (at < end) {
      const part = Array.from(rows.subarray(start, end));
      rows.set(
        part.sort((a, b) => compareInSession(table, a, b)),
        start,
      );
    }
    return;
  }
  for (let at = start + 1; at < end; at++) {
    const row = rows[at] as number;
    let to = at;
    while (to > start && compareInSession(table, rows[to - 1] as number, row) > 0) {
      rows[to] = rows[to - 1] as number;
      to--;
    }
    rows[to] = row;
  }
}
