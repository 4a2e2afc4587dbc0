import { parseRfc3339 } from '@wayline/contracts';
import { type CheckResult, createPool, type VerifyRange, verifyStored } from '@wayline/store';
import type { Pool } from '../compose.ts';
import type { Config } from '../config.ts';
import { EXIT, type ExitCode, UsageError } from '../errors.ts';
import { databaseUrl, requireSchema } from '../store-access.ts';
import { openVerifiedLog } from '../verify/open-verified-log.ts';
import { verifyLog } from '../verify/verify-log.ts';
import { differs, type Verification, verificationText } from '../verify/verify-report.ts';

const HOUR_MS = 3_600_000;
const NOT_ASKED =
  'The log itself was not asked: that takes KAFKA_BROKERS, or the data folder of the embedded log that was stored from.';

/** Recounts, prints what it found, and answers 1 where anything differs. */
export async function runVerify(
  config: Config<'verify'>,
  { from, to, json }: { from?: string; to?: string; json?: boolean },
  print: (text: string) => void,
): Promise<ExitCode> {
  const range = hoursOf(from, to);
  const url = await databaseUrl(config);
  await requireSchema(url);
  const pool = createPool({ url, max: 2, applicationName: 'wayline verify' });
  try {
    const checks = await verifyStored(pool, range);
    const log = await askLog(config, pool);
    const verification: Verification = {
      from: range.fromMs === undefined ? null : new Date(range.fromMs).toISOString(),
      to: range.toMs === undefined ? null : new Date(range.toMs).toISOString(),
      checks: [...checks, ...(log.check ? [log.check] : [])],
      pending: log.pending,
      notes: log.notes,
    };
    print(json ? JSON.stringify({ agrees: !differs(verification), ...verification }) : verificationText(verification));
    return differs(verification) ? EXIT.fault : EXIT.stopped;
  } finally {
    await pool.end();
  }
}

async function askLog(
  config: Config<'verify'>,
  pool: Pool,
): Promise<{ check?: CheckResult; pending: number | null; notes: string[] }> {
  const log = await openVerifiedLog(config);
  if (!log) return { pending: null, notes: [NOT_ASKED] };
  try {
    const found = await verifyLog(log, pool, config.group);
    if (!found) return { pending: null, notes: [`${NOT_ASKED} The database has read nothing of ${log.name}.`] };
    const { pending, ...check } = found;
    return { check, pending, notes: [] };
  } finally {
    await log.close();
  }
}

/** Whole hours, outwards. */
function hoursOf(from: string | undefined, to: string | undefined): VerifyRange {
  const fromMs = from === undefined ? undefined : timeOf('--from', from);
  const toMs = to === undefined ? undefined : timeOf('--to', to);
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs)
    throw new UsageError('--from must lie before --to.');
  return {
    fromMs: fromMs === undefined ? undefined : Math.floor(fromMs / HOUR_MS) * HOUR_MS,
    toMs: toMs === undefined ? undefined : Math.ceil(toMs / HOUR_MS) * HOUR_MS,
  };
}

function timeOf(option: string, text: string): number {
  const ms = parseRfc3339(text);
  if (ms === undefined)
    throw new UsageError(`${option} must be a time such as 2026-11-20T14:00:00Z, which "${text}" is not.`);
  return ms;
}
