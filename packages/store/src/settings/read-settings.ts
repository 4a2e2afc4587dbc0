import type { Reader } from '../read-only.ts';

/** What is set under these keys; keys that nothing was set for are absent. */
export async function readSettings(
  reader: Reader,
  keys: readonly string[],
): Promise<Map<string, Record<string, unknown>>> {
  const { rows } = await reader.query<{ key: string; value: Record<string, unknown> }>(
    'SELECT key, value FROM settings WHERE key = ANY($1)',
    [keys],
  );
  return new Map(rows.map(({ key, value }) => [key, value]));
}
