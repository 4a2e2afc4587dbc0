import type { StoredEvent } from '../api.ts';

/**
 * Where numbers are missing: by event id, how many numbers of its source instance were skipped since the one that
 * instance sent before it. Only between events that are given: what came before the first is not known.
 */
export function findGaps(events: readonly StoredEvent[]): Map<string, number> {
  const last = new Map<string, number>();
  const gaps = new Map<string, number>();
  for (const { eventId, source, seq } of events) {
    if (typeof seq !== 'number') continue;
    const instance = JSON.stringify([source?.kind, source?.name, source?.version, source?.instance]);
    const before = last.get(instance);
    if (before !== undefined && seq > before + 1) gaps.set(eventId, seq - before - 1);
    last.set(instance, Math.max(seq, before ?? seq));
  }
  return gaps;
}
