import { createHash } from 'node:crypto';
import type { PoolClient, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import type { StoreLogger } from './pool.ts';

/** A statement for which one plan is as good as any, whatever its values: mostly one that goes by a key. */
export interface PlannedOnce extends QueryConfig {
  values: unknown[];
  isPlannedOnce: true;
}

/**
 * Marks a statement of that kind: `readOnly` may have PostgreSQL plan it once for each connection. Planning takes several times as
 * long as such a statement itself, since each partition has a part in it. There must be few such texts: connections keep them.
 */
export const plannedOnce = (text: string, values: unknown[]): PlannedOnce => ({ text, values, isPlannedOnce: true });

export function isPlannedOnce(given: unknown): given is PlannedOnce {
  return typeof given === 'object' && given !== null && 'isPlannedOnce' in given;
}

/** Plans that the connections of a pool keep. Make one for the pool. */
export interface KeptPlans {
  /** False once it turned out that they cannot keep any. */
  arePossible: boolean;
  /** A statement as pg prepares it, and afterwards knows it again. */
  named(statement: PlannedOnce): QueryConfig;
  /** Whether that is what the error says; then none are kept from now on. */
  areLost(error: unknown): boolean;
}

/**
 * A prepared statement that is not there, is there already, or has become another: connections change between transactions
 * (PgBouncer that does not keep account of statements), or a table is no longer what it was. The last has no code of its own.
 */
function isOfKeeping({ code, routine }: { code?: string; routine?: string }): boolean {
  return code === '26000' || code === '42P05' || (code === '0A000' && routine === 'RevalidateCachedQuery');
}

/** By the text: where connections are mixed, a name can never mean another statement. */
const nameOf = (text: string): string => `wayline-${createHash('sha256').update(text).digest('hex').slice(0, 40)}`;

export function createKeptPlans(logger: Pick<StoreLogger, 'info'>): KeptPlans {
  const names = new Map<string, string>();
  const plans: KeptPlans = {
    arePossible: true,
    named({ text, values }) {
      const name = names.get(text) ?? nameOf(text);
      names.set(text, name);
      return { name, text, values };
    },
    areLost(error) {
      if (!isOfKeeping(error as { code?: string; routine?: string })) return false;
      if (plans.arePossible)
        logger.info({ err: error }, 'connections do not keep prepared statements: each is planned anew');
      plans.arePossible = false;
      return true;
    },
  };
  return plans;
}

/** Takes the statements of a transaction that comes again and again. */
export interface Asker {
  query<Row extends QueryResultRow>(text: string, values: unknown[]): Promise<QueryResult<Row>>;
}

/**
 * A connection on which each text is parsed and planned once, where plans are kept: only for texts that stay the same. Who
 * gets an error asks `areLost` about it, and begins anew where it says so.
 */
export const keeping = (client: PoolClient, plans: KeptPlans): Asker => ({
  query: (text, values) => client.query(plans.arePossible ? plans.named(plannedOnce(text, values)) : { text, values }),
});
