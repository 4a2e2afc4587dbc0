import type { Reader } from '../read-only.ts';
import { type TimeRange, timestampOf } from './timestamps.ts';

/** An app, with the visits to it that began in a range. */
export interface GraphNode {
  app: string;
  /** Sessions that came to it, each counted once. */
  sessions: number;
  /** Visits with which a session began, and those to which it hopped. */
  entries: number;
  hopsIn: number;
  hopsOut: number;
  /** Visits that were the last of their session, so far. */
  exits: number;
  /** Visits by sessions that had been there before, and had left. */
  returns: number;
}

/** The hops from one app to another in a range. */
export interface GraphEdge {
  from: string;
  to: string;
  /** Sessions that made it, each counted once. */
  sessions: number;
  hops: number;
  /** All hops out of `from`. */
  hopsOut: number;
  /** Hops back to the app that the session had come from: a → b → a. */
  loops: number;
  /** How long `from` was visited before the hop, ms: the least time that so many of the hops did not exceed. */
  stays: { share: number; ms: number }[];
}

export interface AppGraph {
  /** The most visited first. */
  nodes: GraphNode[];
  /** The most frequent first. */
  edges: GraphEdge[];
}

export interface AppGraphAsked {
  projectId: number;
  /** Of the corrected time at which a visit begins. */
  range: TimeRange;
  /** Of nodes, and of edges. */
  limit: number;
  /** Which quantiles of the stays are wanted, each from 0 to 1. */
  shares: readonly number[];
}

const DAY_MS = 24 * 3_600_000;

// $1 project, $2 to $3 the range, $4 to $5 the whole days in it. What is counted of sessions counts their first visit in the
// range; so, of the visits that are the first of their day, those do not count that had one before in the range.
const PARTS = `
  SELECT from_app, to_app, stay_class, sum(visits) AS visits, sum(app_sessions) AS app_sessions,
    sum(edge_sessions) AS edge_sessions, sum(returns) AS returns, sum(loops) AS loops, sum(lasts) AS lasts
  FROM hop_days WHERE project_id = $1 AND day >= $4 AND day < $5 GROUP BY 1, 2, 3
  UNION ALL
  SELECT from_app, to_app, stay_class, 0, -count(*) FILTER (WHERE app_before_at >= $2 AND app_before_at < day),
    -count(*) FILTER (WHERE edge_before_at >= $2 AND edge_before_at < day), 0, 0, 0
  FROM (SELECT *, date_trunc('day', at, 'UTC') AS day FROM session_hops
    WHERE project_id = $1 AND recurs AND at >= $4 AND at < $5) recurring GROUP BY 1, 2, 3
  UNION ALL
  SELECT from_app, to_app, stay_class, count(*), count(*) FILTER (WHERE app_before_at IS NULL OR app_before_at < $2),
    count(*) FILTER (WHERE edge_before_at IS NULL OR edge_before_at < $2), count(app_before_at),
    count(*) FILTER (WHERE is_loop), count(*) FILTER (WHERE is_last)
  FROM session_hops WHERE project_id = $1 AND (at >= $2 AND at < least($3, $4) OR at >= greatest($2, $5) AND at < $3)
  GROUP BY 1, 2, 3`;

// Entries are of the class −1, and come from no app. $6: at most.
const GRAPH = `
  WITH parts AS MATERIALIZED (
    SELECT from_app COLLATE "C" AS from_app, to_app COLLATE "C" AS to_app, stay_class, sum(visits)::bigint AS visits,
      sum(app_sessions)::bigint AS app_sessions, sum(edge_sessions)::bigint AS edge_sessions,
      sum(returns)::bigint AS returns, sum(loops)::bigint AS loops, sum(lasts)::bigint AS lasts
    FROM (${PARTS}) parts GROUP BY 1, 2, 3 HAVING sum(visits) > 0
  ), edges AS (
    SELECT from_app AS "from", to_app AS "to", sum(edge_sessions)::bigint AS sessions, sum(visits)::bigint AS hops,
      (sum(sum(visits)) OVER (PARTITION BY from_app))::bigint AS "hopsOut", sum(loops)::bigint AS loops,
      array_agg(stay_class ORDER BY stay_class) AS classes, array_agg(visits ORDER BY stay_class) AS counts
    FROM parts WHERE stay_class >= 0 GROUP BY from_app, to_app
    ORDER BY hops DESC, from_app, to_app LIMIT $6
  ), nodes AS (
    SELECT app, sum(app_sessions)::bigint AS sessions, sum(entries)::bigint AS entries, sum(hops_in)::bigint AS "hopsIn",
      sum(hops_out)::bigint AS "hopsOut", sum(lasts)::bigint AS exits, sum(returns)::bigint AS returns
    FROM (
      SELECT to_app AS app, app_sessions, CASE WHEN stay_class < 0 THEN visits ELSE 0 END AS entries,
        CASE WHEN stay_class < 0 THEN 0 ELSE visits END AS hops_in, 0 AS hops_out, lasts, returns FROM parts
      UNION ALL
      SELECT from_app, 0, 0, 0, visits, 0, 0 FROM parts WHERE stay_class >= 0
    ) sides GROUP BY app
    ORDER BY sum(entries) + sum(hops_in) DESC, sum(hops_out) DESC, app LIMIT $6
  )
  SELECT (SELECT coalesce(json_agg(nodes), '[]') FROM nodes) AS nodes,
    (SELECT coalesce(json_agg(edges), '[]') FROM edges) AS edges`;

interface CountedEdge extends Omit<GraphEdge, 'stays'> {
  /** Classes of stays, growing, and how many stays are of each. */
  classes: number[];
  counts: number[];
}

/** The stay of a class at a rank, from 0: hops of one edge in the range. */
const STAYS = `
  SELECT (SELECT stay_ms FROM session_hops h
    WHERE h.project_id = $1 AND h.from_app = w.from_app AND h.to_app = w.to_app AND h.stay_class = w.stay_class
      AND h.stay_class >= 0 AND h.at >= $2 AND h.at < $3
    ORDER BY stay_ms OFFSET w.rank LIMIT 1) AS ms
  FROM unnest($4::text[], $5::text[], $6::smallint[], $7::bigint[]) WITH ORDINALITY
    AS w (from_app, to_app, stay_class, rank, n)
  ORDER BY w.n`;

/**
 * The app → app graph of a range. Whole UTC days come from `hop_days`, the rest from the visits themselves; both are changed
 * by one transaction, so every figure is exact for what is remade.
 */
export async function appGraph(reader: Reader, { projectId, range, limit, shares }: AppGraphAsked): Promise<AppGraph> {
  const { fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY } = range;
  const firstDayMs = Math.ceil(fromMs / DAY_MS) * DAY_MS;
  const endDayMs = Math.max(Math.floor(toMs / DAY_MS) * DAY_MS, firstDayMs);
  const [from, to] = [timestampOf(fromMs), timestampOf(toMs)];
  const { rows } = await reader.query<{ nodes: GraphNode[]; edges: CountedEdge[] }>(GRAPH, [
    projectId,
    from,
    to,
    timestampOf(firstDayMs),
    timestampOf(endDayMs),
    limit,
  ]);
  const { nodes, edges } = rows[0] as { nodes: GraphNode[]; edges: CountedEdge[] };
  const wanted = edges.flatMap((edge) => shares.map((share) => ({ edge, ...rankOf(edge, share) })));
  const { rows: found } = await reader.query<{ ms: number }>(STAYS, [
    projectId,
    from,
    to,
    wanted.map(({ edge }) => edge.from),
    wanted.map(({ edge }) => edge.to),
    wanted.map(({ stayClass }) => stayClass),
    wanted.map(({ rank }) => rank),
  ]);
  const staysOf = (edge: number) =>
    shares.map((share, i) => ({ share, ms: (found[edge * shares.length + i] as { ms: number }).ms }));
  return { nodes, edges: edges.map(({ classes: _, counts: __, ...edge }, i) => ({ ...edge, stays: staysOf(i) })) };
}

/** In which class the stay lies that a share of the edge's stays do not exceed, and at which rank within it, from 0. */
function rankOf({ classes, counts, hops }: CountedEdge, share: number): { stayClass: number; rank: number } {
  let rank = Math.max(Math.ceil(share * hops), 1) - 1;
  for (const [i, count] of counts.entries()) {
    if (rank < count) return { stayClass: classes[i] as number, rank };
    rank -= count;
  }
  throw new RangeError('The classes of an edge hold fewer stays than it has hops');
}
