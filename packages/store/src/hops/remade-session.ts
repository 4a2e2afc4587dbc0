import type { Stretch } from './take-stretches.ts';
import type { Lookup, PlacedVisit, SessionVisit } from './visit-rows.ts';
import { type Arrival, changesBetween, edgeKey, relateVisits, type Visit } from './visits.ts';

/** A session while it is remade. */
export interface RemadeSession {
  stretch: Stretch;
  /** Where visits begin, from the stretch on to the end of the session. */
  arrivals: readonly Arrival[];
  /** The last two visits before the stretch. */
  before: readonly Visit[];
  /** What stands in the table, from those on. */
  kept: readonly Visit[];
  /** When apps were visited, and hops made, the last time before the stretch. */
  apps: Map<string, number | undefined>;
  edges: Map<string, number | undefined>;
}

/** @param fresh where visits begin within the stretch; what comes after it is taken from the table */
export function remadeSession(
  stretch: Stretch,
  fresh: readonly Arrival[],
  kept: readonly PlacedVisit[],
): RemadeSession {
  const before = kept.filter(({ place }) => place === 'before');
  const arrivals = [...fresh, ...kept.filter(({ place }) => place === 'after')];
  const session = { stretch, arrivals, before, kept, apps: new Map(), edges: new Map() };
  for (const { app, from, atMs } of before) {
    session.apps.set(app, atMs);
    session.edges.set(edgeKey(from, app), atMs);
  }
  return session;
}

/** What must be looked up before its visits can be related: mostly nothing. */
export function lookupsOf({ stretch, arrivals, before, apps, edges }: RemadeSession): Lookup[] {
  if (before.length < 2) return []; // there is nothing before those
  const lookups: Lookup[] = [];
  const asked = { apps: new Set(apps.keys()), edges: new Set(edges.keys()) };
  let last = before.at(-1)?.app as string;
  for (const { app } of arrivals) {
    if (app === last) continue;
    const edge = edgeKey(last, app);
    if (!asked.apps.has(app)) lookups.push({ stretch, app });
    if (!asked.edges.has(edge)) lookups.push({ stretch, app, edge: { from: last } });
    asked.apps.add(app);
    asked.edges.add(edge);
    last = app;
  }
  return lookups;
}

/** Takes the answer to one of its lookups. */
export function noteLookup({ apps, edges }: RemadeSession, { app, edge }: Lookup, atMs: number | undefined): void {
  if (edge) edges.set(edgeKey(edge.from, app), atMs);
  else apps.set(app, atMs);
}

/** Which rows of it are to go, and which to come. */
export function changesOf({ stretch, arrivals, before, kept, apps, edges }: RemadeSession): {
  removed: SessionVisit[];
  added: SessionVisit[];
} {
  const visits = relateVisits(arrivals, before, {
    app: (app) => apps.get(app),
    edge: (from, app) => edges.get(edgeKey(from, app)),
  });
  const last = before.length - 1;
  const lead = before.map((visit, i) => (i === last ? { ...visit, isLast: visits.length === 0 } : visit));
  const { removed, added } = changesBetween(kept, [...lead, ...visits]);
  const place = { projectId: stretch.project_id, sessionId: stretch.session_id };
  return {
    removed: removed.map((visit) => ({ ...place, visit })),
    added: added.map((visit) => ({ ...place, visit })),
  };
}
