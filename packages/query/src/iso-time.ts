/** RFC 3339, UTC, with milliseconds: how every time is told. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
