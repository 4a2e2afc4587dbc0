import type { Pool } from '../pool.ts';
import { timestampOf } from '../queries/timestamps.ts';
import { type Reader, readOnly } from '../read-only.ts';
import type { CheckResult, Hours } from './check.ts';
import { verifyBatches } from './verify-batches.ts';
import { verifyLedger } from './verify-ledger.ts';
import { verifyOffsets } from './verify-offsets.ts';
import { verifyOrigins } from './verify-origins.ts';
import { verifyRollups } from './verify-rollups.ts';
import { verifySessions } from './verify-sessions.ts';
import { verifyUsers } from './verify-users.ts';

export type { CheckResult, Difference } from './check.ts';

/** Hours of the log, epoch ms, whole hours; an absent side is open. */
export interface VerifyRange {
  fromMs?: number | undefined;
  toMs?: number | undefined;
}

const CHECKS = [verifyLedger, verifyBatches, verifyOffsets, verifyOrigins, verifySessions, verifyRollups, verifyUsers];

/**
 * Recounts what is stored, over one snapshot, so that it may be done while workers are at it. Each check is one statement
 * over the tables (events are read whole, several times): it takes as long as that takes, and little memory here.
 */
export function verifyStored(pool: Pool, range: VerifyRange): Promise<CheckResult[]> {
  return readOnly(pool, { statementTimeoutMs: 0 }, async (reader) => {
    const hours = await hoursOf(reader, range);
    const results: CheckResult[] = [];
    for (const check of CHECKS) results.push(await check(reader, hours));
    return results;
  });
}

async function hoursOf(reader: Reader, { fromMs, toMs }: VerifyRange): Promise<Hours> {
  const from = timestampOf(fromMs ?? Number.NEGATIVE_INFINITY);
  const to = timestampOf(toMs ?? Number.POSITIVE_INFINITY);
  const { rows } = await reader.query<{ first: string; last: string }>(
    `SELECT coalesce(min(id), 1)::text AS first, coalesce(max(id), 0)::text AS last FROM batches
     WHERE greatest(first_log_time, last_log_time) >= $1 AND least(first_log_time, last_log_time) < $2`,
    [from, to],
  );
  const { first, last } = rows[0] as { first: string; last: string };
  return { from, to, firstBatch: first, lastBatch: last, everything: fromMs === undefined && toMs === undefined };
}
