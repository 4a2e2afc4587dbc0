import type { PoolClient } from 'pg';
import { integers, interned, timestamps, uuidsOfRows } from './binary-array.ts';
import { INT, INTS } from './event-columns.ts';
import type { EventTable } from './event-table.ts';
import { isSameSession } from './row-order.ts';

/** Where the rows of one session stand among others: from `start` on, before `end`. */
interface Run {
  start: number;
  end: number;
}

export interface RowsOfTable {
  table: EventTable;
  rows: Int32Array;
}

/**
 * Without the rows that stand in a partition already, as far as it can be seen now: another transaction may be about to write the
 * same. First the sessions are asked about, which are few, and then only rows that are no later than what their session has there
 * within the times of the given ones: most often there is nothing.
 * @param rows sorted by the primary key, no key twice
 */
export async function withoutStored(client: PoolClient, partition: string, of: RowsOfTable): Promise<Int32Array> {
  const { table, rows } = of;
  const suspects = await noLaterThanStored(client, partition, of);
  if (suspects.length === 0) return rows;
  const stored = await storedAmong(client, partition, { table, rows: suspects });
  return stored.size === 0 ? rows : rows.filter((row) => !stored.has(row));
}

// Both by look-ups in the primary key, one for each that is given: a subquery of a value is never made a join of, whatever is
// known, or not yet known, of the partition.

async function noLaterThanStored(client: PoolClient, partition: string, of: RowsOfTable): Promise<number[]> {
  const { table, rows } = of;
  const runs = sessionRuns(of);
  const firsts = runs.map(({ start }) => rows[start] as number);
  const { rows: found } = await client.query<{ place: number; last_at: number | null }>(
    `SELECT * FROM (
       SELECT place, (
         SELECT occurred_at FROM ${partition} e
         WHERE e.project_id = given.project_id AND e.session_id = given.session_id
           AND e.occurred_at BETWEEN given.from_at AND given.to_at
         ORDER BY e.project_id DESC, e.session_id DESC, e.occurred_at DESC, e.event_id DESC LIMIT 1
       ) AS last_at
       FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::timestamptz[]) WITH ORDINALITY
         AS given (project_id, session_id, from_at, to_at, place)
       OFFSET 0
     ) asked WHERE last_at IS NOT NULL`,
    [
      integers(firsts.map((row) => table.projectOf(row))),
      interned(
        table.sessions,
        firsts.map((row) => sessionOf(table, row)),
      ),
      timestamps(firsts.map((row) => table.keyMs(row))),
      timestamps(runs.map(({ end }) => table.keyMs(rows[end - 1] as number))),
    ],
  );
  const suspects: number[] = [];
  for (const { place, last_at: lastMs } of found) {
    const { start, end } = runs[place - 1] as Run;
    for (let at = start; at < end; at++) {
      const row = rows[at] as number;
      if (table.keyMs(row) > (lastMs as number)) break;
      suspects.push(row);
    }
  }
  return suspects;
}

function sessionRuns({ table, rows }: RowsOfTable): Run[] {
  const runs: Run[] = [];
  for (let start = 0, at = 1; at <= rows.length; at++) {
    if (at < rows.length && isSameSession(table, rows[start] as number, rows[at] as number)) continue;
    runs.push({ start, end: at });
    start = at;
  }
  return runs;
}

async function storedAmong(
  client: PoolClient,
  partition: string,
  { table, rows }: { table: EventTable; rows: readonly number[] },
): Promise<Set<number>> {
  const { rows: found } = await client.query<{ place: number }>(
    `SELECT place FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::uuid[]) WITH ORDINALITY
       AS given (project_id, session_id, occurred_at, event_id, place)
     WHERE (
       SELECT true FROM ${partition} e
       WHERE e.project_id = given.project_id AND e.session_id = given.session_id
         AND e.occurred_at = given.occurred_at AND e.event_id = given.event_id
     )`,
    [
      integers(rows.map((row) => table.projectOf(row))),
      interned(
        table.sessions,
        rows.map((row) => sessionOf(table, row)),
      ),
      timestamps(rows.map((row) => table.keyMs(row))),
      uuidsOfRows(table, rows),
    ],
  );
  return new Set(found.map(({ place }) => rows[place - 1] as number));
}

const sessionOf = ({ ints }: EventTable, row: number): number => ints[row * INTS + INT.session] as number;
