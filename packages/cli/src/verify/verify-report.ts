import type { CheckResult, Difference } from '@wayline/store';

/** What `wayline verify` found. */
export interface Verification {
  /** Hours of the log, RFC 3339; null: open. */
  from: string | null;
  to: string | null;
  checks: readonly CheckResult[];
  /** Records of the log not stored yet; null where the log was not asked. */
  pending: number | null;
  /** Sentences about what was not looked at. */
  notes: readonly string[];
}

export const differs = ({ checks }: Verification): boolean => checks.some(({ different }) => different > 0);

const iso = (ms: number): string => new Date(ms).toISOString().replace(':00.000Z', 'Z');

function placeOf({ projectId, hourMs, logId, topic, partition, offset, sessionId }: Difference): string {
  return [
    hourMs === null ? '' : iso(hourMs),
    topic === null ? '' : `${topic}/${partition}`,
    offset === null ? '' : `offset ${offset}`,
    projectId === null ? '' : `project ${projectId}`,
    sessionId === null ? '' : `session ${sessionId}`,
    logId === null ? '' : `log ${logId}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** For people: a line for each check, and a table of what differs. */
export function verificationText(verification: Verification): string {
  const { from, to, checks, pending, notes } = verification;
  const hours = `${from ?? 'the beginning'} to ${to ?? 'now'}`;
  const summary = columns([
    ['check', 'compared', 'different'],
    ...checks.map(({ check, compared, different }) => [check, String(compared), String(different)]),
  ]);
  const rows = checks.flatMap(({ check, differences }) =>
    differences.map((difference) => [
      check,
      difference.what,
      String(difference.booked ?? 'nothing'),
      String(difference.counted ?? 'nothing'),
      placeOf(difference),
    ]),
  );
  const untold = checks.reduce((sum, { different, differences }) => sum + different - differences.length, 0);
  return [
    `Hours of the log from ${hours}`,
    summary,
    ...(rows.length > 0 ? [columns([['check', 'what', 'booked', 'counted', 'where'], ...rows])] : []),
    ...(untold > 0 ? [`… and ${untold} more.`] : []),
    ...notes,
    ...(pending ? [`${pending} records of the log are not stored yet.`] : []),
    differs(verification) ? 'What is stored and what is booked DIFFER.' : 'Everything agrees.',
  ].join('\n\n');
}
