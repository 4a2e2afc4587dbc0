import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { type Reader, readOnly } from '../src/index.ts';
import { isPlannedOnce, type PlannedOnce } from '../src/planned-once.ts';

/** A table that a statement read. */
export interface TableRead {
  /** A partition goes by its own name. */
  table: string;
  /** As EXPLAIN calls it: `Seq Scan`, `Index Scan` … */
  how: string;
  /** That it looked at, those that it left out among them. */
  rows: number;
}

export interface ExplainedStatement {
  sql: string;
  /** Only what was really run: partitions that were pruned, and parts never begun, are none. */
  reads: TableRead[];
  /** The most rows that were sorted in one place. */
  sorted: number;
}

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows'?: number;
  'Actual Loops'?: number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

/** A text, or what has one: pg's own form, and its cursors. */
type Given = string | { text: string; values?: unknown[] };

/** Runs reads as `readOnly` does, and tells with which plans PostgreSQL answered each of their statements. */
export async function explainReads(
  pool: pg.Pool,
  work: (reader: Reader) => Promise<unknown>,
): Promise<ExplainedStatement[]> {
  const explained: ExplainedStatement[] = [];
  await readOnly(pool, { statementTimeoutMs: 60_000 }, async (reader) => {
    const query = async (given: Given, values?: unknown[]): Promise<unknown> => {
      const sql = typeof given === 'string' ? given : given.text;
      const parameters = values ?? (typeof given === 'string' ? undefined : given.values);
      if (isPlannedOnce(given)) explained.push({ sql, ...(await explainGeneric(reader, given)) });
      else if (/^\s*(SELECT|WITH|DECLARE)\b/i.test(sql)) {
        explained.push({ sql, ...planOf(await reader.query(`${EXPLAIN} ${sql}`, parameters)) });
      }
      return reader.query(given as string, values);
    };
    await work({ query: query as unknown as Reader['query'] });
  });
  return explained;
}

/** A pool for what writes: its SELECTs are run as they are, after it was noted with which plans PostgreSQL answers them. */
export function explainingPool(pool: pg.Pool): { pool: pg.Pool; explained: ExplainedStatement[] } {
  const explained: ExplainedStatement[] = [];
  const connect = async (): Promise<unknown> => {
    const client = await pool.connect();
    const query = async (sql: string, values?: unknown[]): Promise<unknown> => {
      if (/^\s*SELECT\b/i.test(sql)) {
        explained.push({ sql, ...planOf(await client.query(`${EXPLAIN} ${sql}`, values)) });
      }
      return client.query(sql, values);
    };
    return { query, release: client.release.bind(client), on: client.on.bind(client), off: client.off.bind(client) };
  };
  return { pool: { connect } as unknown as pg.Pool, explained };
}

/** Runs each statement of a transaction, which then has no rows for an answer. */
export async function explainWrites(
  client: pg.PoolClient,
  work: (client: pg.PoolClient) => Promise<unknown>,
): Promise<ExplainedStatement[]> {
  const explained: ExplainedStatement[] = [];
  const query = async (sql: string, values?: unknown[]): Promise<unknown> => {
    explained.push({ sql, ...planOf(await client.query(`${EXPLAIN} ${sql}`, values)) });
    return { rows: [] };
  };
  await work({ query } as unknown as pg.PoolClient);
  return explained;
}

const EXPLAIN = 'EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON)';

type Plan = Omit<ExplainedStatement, 'sql'>;

function planOf({ rows }: pg.QueryResult): Plan {
  const [{ Plan }] = rows[0]['QUERY PLAN'] as [{ Plan: PlanNode }];
  return { reads: readsOf(Plan), sorted: sortedBy(Plan) };
}

/** With the plan for any values, as `readOnly` has connections keep it. */
async function explainGeneric(reader: Reader, { text, values }: PlannedOnce): Promise<Plan> {
  const literals = values.map((value) => (value === null ? 'NULL' : pg.escapeLiteral(String(value))));
  const name = pg.escapeIdentifier(randomUUID());
  await reader.query(`SET LOCAL plan_cache_mode = force_generic_plan; PREPARE ${name} AS ${text}`);
  const plan = planOf(await reader.query(`${EXPLAIN} EXECUTE ${name} (${literals.join(', ')})`));
  await reader.query(`DEALLOCATE ${name}; SET LOCAL plan_cache_mode = auto`);
  return plan;
}

function sortedBy(node: PlanNode): number {
  const own = node['Node Type'].includes('Sort') ? (node['Actual Rows'] ?? 0) : 0;
  return Math.max(own, ...(node.Plans ?? []).map(sortedBy));
}

function readsOf(node: PlanNode): TableRead[] {
  const below = (node.Plans ?? []).flatMap(readsOf);
  const table = node['Relation Name'];
  const loops = node['Actual Loops'] ?? 0;
  if (table === undefined || loops === 0) return below;
  const rows = ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * loops;
  return [{ table, how: node['Node Type'], rows }, ...below];
}
