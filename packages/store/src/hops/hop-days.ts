import type { PoolClient } from 'pg';
import { bigints, integers, smallints, texts, timestamps } from '../write/binary-array.ts';
import type { SessionVisit } from './visit-rows.ts';
import { stayClass } from './visits.ts';

const DAY_MS = 24 * 3_600_000;

/** What is counted of visits, each a column of `hop_days`. */
const COUNTS = ['visits', 'app_sessions', 'edge_sessions', 'returns', 'loops', 'lasts'] as const;
type Counts = Record<(typeof COUNTS)[number], number>;

interface DayDelta extends Counts {
  projectId: number;
  dayMs: number;
  from: string;
  app: string;
  stayClass: number;
}

/** What the days gain by visits that came, and lose by those that went, by the table's key; nothing where both are the same. */
function deltasOf(removed: readonly SessionVisit[], added: readonly SessionVisit[]): DayDelta[] {
  const deltas = new Map<string, DayDelta>();
  for (const [rows, sign] of [
    [removed, -1],
    [added, 1],
  ] as const) {
    for (const { projectId, visit } of rows) {
      const dayMs = Math.floor(visit.atMs / DAY_MS) * DAY_MS;
      const place = { projectId, dayMs, from: visit.from ?? '', app: visit.app, stayClass: stayClass(visit.stayMs) };
      const key = JSON.stringify(Object.values(place));
      const delta = deltas.get(key) ?? { ...place, ...NOTHING };
      deltas.set(key, delta);
      delta.visits += sign;
      if (!(visit.appBeforeMs !== undefined && visit.appBeforeMs >= dayMs)) delta.app_sessions += sign;
      if (!(visit.edgeBeforeMs !== undefined && visit.edgeBeforeMs >= dayMs)) delta.edge_sessions += sign;
      if (visit.appBeforeMs !== undefined) delta.returns += sign;
      if (visit.isLoop) delta.loops += sign;
      if (visit.isLast) delta.lasts += sign;
    }
  }
  return [...deltas.values()].filter((delta) => COUNTS.some((count) => delta[count] !== 0));
}

const NOTHING: Counts = { visits: 0, app_sessions: 0, edge_sessions: 0, returns: 0, loops: 0, lasts: 0 };

const ADD = `
  INSERT INTO hop_days AS h (project_id, day, from_app, to_app, stay_class, ${COUNTS.join(', ')})
  SELECT * FROM unnest($1::integer[], $2::timestamptz[], $3::text[], $4::text[], $5::smallint[], $6::bigint[], $7::bigint[],
    $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
  ON CONFLICT (project_id, day, from_app, to_app, stay_class) DO UPDATE SET
    ${COUNTS.map((count) => `${count} = h.${count} + excluded.${count}`).join(', ')}`;

const REMOVE_EMPTY = `
  DELETE FROM hop_days h USING unnest($1::integer[], $2::timestamptz[], $3::text[], $4::text[], $5::smallint[])
    AS d (project_id, day, from_app, to_app, stay_class)
  WHERE h.project_id = d.project_id AND h.day = d.day AND h.from_app = d.from_app AND h.to_app = d.to_app
    AND h.stay_class = d.stay_class AND h.visits = 0`;

const keysOf = (deltas: readonly DayDelta[]): Buffer[] => [
  integers(deltas.map(({ projectId }) => projectId)),
  timestamps(deltas.map(({ dayMs }) => dayMs)),
  texts(deltas.map(({ from }) => from)),
  texts(deltas.map(({ app }) => app)),
  smallints(deltas.map((delta) => delta.stayClass)),
];

/** Books the change of `session_hops` in `hop_days`, in the same transaction. */
export async function bookHopDays(
  client: PoolClient,
  { removed, added }: { removed: readonly SessionVisit[]; added: readonly SessionVisit[] },
): Promise<void> {
  const deltas = deltasOf(removed, added);
  if (deltas.length === 0) return;
  await client.query(ADD, [...keysOf(deltas), ...COUNTS.map((count) => bigints(deltas.map((delta) => delta[count])))]);
  const fewer = deltas.filter(({ visits }) => visits < 0);
  if (fewer.length > 0) await client.query(REMOVE_EMPTY, keysOf(fewer));
}
