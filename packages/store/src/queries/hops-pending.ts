import type { Reader } from '../read-only.ts';

/**
 * The least log time of any event of a project whose session's hops are not remade yet, epoch ms; undefined where there is
 * none: hops are complete up to it.
 */
export async function hopsPendingSince(reader: Reader, projectId: number): Promise<number | undefined> {
  const { rows } = await reader.query<{ since: number | null }>(
    'SELECT min(log_time) AS since FROM dirty_sessions WHERE project_id = $1',
    [projectId],
  );
  return rows[0]?.since ?? undefined;
}
