import type pg from 'pg';
import { type Reader, readOnly } from '../src/index.ts';

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
      if (/^\s*(SELECT|WITH|DECLARE)\b/i.test(sql)) {
        const { rows } = await reader.query(`EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${sql}`, parameters);
        const [{ Plan }] = rows[0]['QUERY PLAN'] as [{ Plan: PlanNode }];
        explained.push({ sql, reads: readsOf(Plan) });
      }
      return reader.query(given as string, values);
    };
    await work({ query: query as unknown as Reader['query'] });
  });
  return explained;
}

function readsOf(node: PlanNode): TableRead[] {
  const below = (node.Plans ?? []).flatMap(readsOf);
  const table = node['Relation Name'];
  const loops = node['Actual Loops'] ?? 0;
  if (table === undefined || loops === 0) return below;
  const rows = ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * loops;
  return [{ table, how: node['Node Type'], rows }, ...below];
}
