import type { PoolClient } from 'pg';
import { integers, texts, uuids } from './binary-array.ts';
import { FLAG, INT, INTS } from './event-columns.ts';
import type { EventTable } from './event-table.ts';
import { isSameKey } from './row-order.ts';

const claimKey = (projectId: number, eventId: string, sessionId: string): string =>
  `${projectId} ${eventId} ${sessionId}`;

const keyOf = (table: EventTable, row: number): string =>
  claimKey(table.projectOf(row), table.eventIdOf(row), table.sessionOf(row));

const isClaim = ({ ints }: EventTable, row: number): boolean =>
  ((ints[row * INTS + INT.flags] as number) & FLAG.claim) !== 0;

/**
 * Within one transaction: the first in the log of those with the same primary key, and of those with the same claim.
 * Rows must be sorted by their key, those of the same key in the order of the log.
 */
export function withoutRepeats(table: EventTable, rows: Int32Array): Int32Array {
  const repeats = (row: number, i: number) => i > 0 && isSameKey(table, rows[i - 1] as number, row);
  const distinct = rows.some(repeats) ? rows.filter((row, i) => !repeats(row, i)) : rows;
  if (!distinct.some((row) => isClaim(table, row))) return distinct;
  const claimed = new Set<string>();
  for (const row of distinct) if (isClaim(table, row)) claimed.add(keyOf(table, row));
  const first = new Map<string, number>();
  for (const row of distinct) {
    const key = keyOf(table, row);
    if (!claimed.has(key)) continue;
    const other = first.get(key);
    if (other === undefined || isBefore(table, row, other)) first.set(key, row);
  }
  return distinct.filter((row) => {
    const kept = first.get(keyOf(table, row));
    return kept === undefined || kept === row;
  });
}

const isBefore = ({ ints }: EventTable, a: number, b: number): boolean =>
  (ints[a * INTS + INT.order] as number) < (ints[b * INTS + INT.order] as number);

/**
 * Takes out the events whose id was claimed before, by an event without a clock of its own, and claims those of this
 * batch that need it. Rows must be sorted; claims are taken in the order of their key.
 * @param hasClaims what `haveClaims` says of their projects
 */
export async function withoutClaimed(
  client: PoolClient,
  { table, rows, hasClaims }: { table: EventTable; rows: Int32Array; hasClaims: boolean },
): Promise<Int32Array> {
  if (rows.length === 0) return rows;
  if (!hasClaims && !rows.some((row) => isClaim(table, row))) return rows;
  const found = await client.query<{ place: string }>(
    `SELECT given.place FROM unnest($1::integer[], $2::uuid[], $3::text[])
       WITH ORDINALITY AS given (project_id, event_id, session_id, place)
     JOIN unclocked_ids USING (project_id, event_id, session_id)`,
    columns(table, rows),
  );
  const taken = new Set(found.rows.map(({ place }) => rows[Number(place) - 1] as number));
  const claiming = Array.from(rows)
    .filter((row) => isClaim(table, row) && !taken.has(row))
    .map((row) => ({ row, key: keyOf(table, row) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  if (claiming.length > 0) {
    const made = await client.query<{ project_id: number; event_id: string; session_id: string }>(
      `INSERT INTO unclocked_ids (project_id, event_id, session_id)
       SELECT * FROM unnest($1::integer[], $2::uuid[], $3::text[]) AS given (project_id, event_id, session_id)
       ON CONFLICT DO NOTHING RETURNING project_id, event_id, session_id`,
      columns(
        table,
        claiming.map(({ row }) => row),
      ),
    );
    const own = new Set(made.rows.map((row) => claimKey(row.project_id, row.event_id, row.session_id)));
    for (const { row, key } of claiming) if (!own.has(key)) taken.add(row);
  }
  return taken.size === 0 ? rows : rows.filter((row) => !taken.has(row));
}

/** Most projects never have any: then there is nothing to look up. Asked after the positions have moved: no session's claims are in the making then. Not with a kept plan: one of when there were few would read through all that came since. */
export async function haveClaims(client: PoolClient, projectIds: readonly number[]): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT FROM unnest($1::integer[]) AS given (project_id)
     WHERE EXISTS (SELECT FROM unclocked_ids u WHERE u.project_id = given.project_id) LIMIT 1`,
    [integers(projectIds)],
  );
  return rowCount === 1;
}

function columns(table: EventTable, given: Iterable<number>): unknown[] {
  const rows = [...given];
  return [
    integers(rows.map((row) => table.projectOf(row))),
    uuids(rows.map((row) => table.eventIdOf(row))),
    texts(rows.map((row) => table.sessionOf(row))),
  ];
}
