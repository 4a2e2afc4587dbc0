import type { TailCandidate, TailFilter } from '@wayline/store';
import { tailMatcher } from '@wayline/store';

/** A candidate, and which of the filters want it. */
export interface WantedEvent extends TailCandidate {
  by: TailFilter[];
}

export interface Chosen {
  /** In the order of the candidates. */
  events: WantedEvent[];
  /** How many events a filter wants that are not among them; absent where none is missing. */
  skipped: Map<TailFilter, number>;
}

/**
 * Holds candidates against filters, and chooses at most `limit` of those that are wanted. Where there are more, a filter that
 * wants few gets all of them, and the others share what is left: of each the last ones.
 * @param candidates in their order
 */
export function chooseEvents(
  candidates: readonly TailCandidate[],
  filters: readonly TailFilter[],
  limit: number,
): Chosen {
  const matches = matchAll(filters);
  const wanted: WantedEvent[] = [];
  for (const candidate of candidates) {
    const by = matches(candidate);
    if (by.length > 0) wanted.push({ ...candidate, by });
  }
  if (wanted.length <= limit) return { events: wanted, skipped: new Map() };
  return share(wanted, limit);
}

/** Most filters ask for one session, machine or user: then only those are tried that ask for the candidate's. */
function matchAll(filters: readonly TailFilter[]): (candidate: TailCandidate) => TailFilter[] {
  const byLead = new Map<string, [TailFilter, (candidate: TailCandidate) => boolean][]>();
  for (const filter of filters) {
    const lead = filter.sessionId ?? filter.machineId ?? filter.userId ?? '';
    const same = byLead.get(lead);
    if (same) same.push([filter, tailMatcher(filter)]);
    else byLead.set(lead, [[filter, tailMatcher(filter)]]);
  }
  return (candidate) => {
    const { sessionId, machineId, userId, anonymousId } = candidate;
    const found: TailFilter[] = [];
    for (const lead of new Set(['', sessionId, machineId, userId, anonymousId])) {
      if (lead === null) continue;
      for (const [filter, matches] of byLead.get(lead) ?? []) if (matches(candidate)) found.push(filter);
    }
    return found;
  };
}

function share(wanted: readonly WantedEvent[], limit: number): Chosen {
  const of = new Map<TailFilter, number[]>();
  wanted.forEach(({ by }, place) => {
    for (const filter of by) {
      const places = of.get(filter);
      if (places) places.push(place);
      else of.set(filter, [place]);
    }
  });
  const chosen = new Set<number>();
  const fewFirst = [...of].sort(([, a], [, b]) => a.length - b.length);
  fewFirst.forEach(([, places], turn) => {
    const most = Math.floor((limit - chosen.size) / (fewFirst.length - turn));
    for (const place of places.slice(-most || places.length)) if (most > 0) chosen.add(place);
  });
  const skipped = new Map<TailFilter, number>();
  for (const [filter, places] of of) {
    const missing = places.reduce((sum, place) => sum + (chosen.has(place) ? 0 : 1), 0);
    if (missing > 0) skipped.set(filter, missing);
  }
  return { events: wanted.filter((_, place) => chosen.has(place)), skipped };
}
