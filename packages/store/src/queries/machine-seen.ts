import { plannedOnce } from '../planned-once.ts';
import type { Reader } from '../read-only.ts';

/** Between which corrected times a machine was seen, epoch ms; undefined if it never was. */
export async function machineSeen(
  reader: Reader,
  projectId: number,
  machineId: string,
): Promise<{ firstMs: number; lastMs: number } | undefined> {
  const { rows } = await reader.query<{ first_at: number; last_at: number }>(
    plannedOnce('SELECT first_at, last_at FROM machines WHERE project_id = $1 AND machine_id = $2', [
      projectId,
      machineId,
    ]),
  );
  const row = rows[0];
  return row && { firstMs: row.first_at, lastMs: row.last_at };
}
