/** An event of an app that differs from the app of the event before it: here a visit begins. Epoch ms. */
export interface Arrival {
  atMs: number;
  eventId: string;
  app: string;
}

/** A visit as it stands in `session_hops`, with what it has to do with the visits before and after it. */
export interface Visit extends Arrival {
  /** The app before; undefined where the session began. */
  from: string | undefined;
  /** Order among the visits of one millisecond. */
  nth: number;
  /** How long the app before was visited, ms. */
  stayMs: number | undefined;
  /** When the session came to this app the last time before, and when it made this very hop. */
  appBeforeMs: number | undefined;
  edgeBeforeMs: number | undefined;
  /** Back to the app before the one before. */
  isLoop: boolean;
  /** None follows so far. */
  isLast: boolean;
}

/** When a session came to an app, or made a hop, the last time before those that are related; undefined where never. */
export interface Earlier {
  app(app: string): number | undefined;
  edge(from: string | undefined, app: string): number | undefined;
}

/** Classes of a stay for each doubling of its length: fine enough that one class holds few of an edge's stays. */
const CLASSES_A_DOUBLING = 4;

/** The class of a stay: the longer it is, the higher, and never lower. −1 where there is none. */
export function stayClass(stayMs: number | undefined): number {
  return stayMs === undefined ? -1 : Math.floor(CLASSES_A_DOUBLING * Math.log2(stayMs + 1));
}

export const edgeKey = (from: string | undefined, app: string): string => JSON.stringify([from ?? null, app]);

/**
 * Relates visits to one another.
 * @param arrivals from some time on to the end of the session, in its order; one to the app that is being visited is none
 * @param before the last two visits before that time, or as many as there are
 */
export function relateVisits(arrivals: readonly Arrival[], before: readonly Visit[], earlier: Earlier): Visit[] {
  const visits: Visit[] = [];
  const apps = new Map<string, number>();
  const edges = new Map<string, number>();
  let [secondLast, last]: (Visit | undefined)[] = before.length > 1 ? before.slice(-2) : [undefined, before[0]];
  for (const { atMs, eventId, app } of arrivals) {
    if (last?.app === app) continue;
    const from = last?.app;
    const edge = edgeKey(from, app);
    const visit: Visit = {
      atMs,
      eventId,
      app,
      from,
      nth: last?.atMs === atMs ? last.nth + 1 : 0,
      stayMs: last && atMs - last.atMs,
      appBeforeMs: apps.get(app) ?? earlier.app(app),
      edgeBeforeMs: edges.get(edge) ?? earlier.edge(from, app),
      isLoop: secondLast?.app === app,
      isLast: false,
    };
    apps.set(app, atMs);
    edges.set(edge, atMs);
    visits.push(visit);
    [secondLast, last] = [last, visit];
  }
  if (visits.length > 0) (visits.at(-1) as Visit).isLast = true;
  return visits;
}

/** Of the same session: which of the old rows go, and which of the new ones come; what stays as it is is in neither. */
export function changesBetween(
  old: readonly Visit[],
  fresh: readonly Visit[],
): { removed: readonly Visit[]; added: readonly Visit[] } {
  const kept = new Map(old.map((visit) => [JSON.stringify(valuesOf(visit)), visit]));
  const added = fresh.filter((visit) => !kept.delete(JSON.stringify(valuesOf(visit))));
  return { removed: [...kept.values()], added };
}

const valuesOf = (v: Visit): unknown[] => [
  v.atMs,
  v.eventId,
  v.app,
  v.from,
  v.nth,
  v.appBeforeMs,
  v.edgeBeforeMs,
  v.stayMs,
  v.isLoop,
  v.isLast,
];
