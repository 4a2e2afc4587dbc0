/** An event of an app. */
export interface SeenEvent {
  app: string;
  atMs: number;
}

interface Visit extends SeenEvent {
  session: number;
  from: Visit | undefined;
  next: Visit | undefined;
}

const ratio = (part: number, of: number): number | null => (of === 0 ? null : part / of);

/** The least value that is not exceeded by a share of them. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(Math.ceil(share * sorted.length), 1) - 1] as number;
}

function byText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function visitsOf(events: readonly SeenEvent[], session: number): Visit[] {
  const visits: Visit[] = [];
  for (const { app, atMs } of events) {
    const from = visits.at(-1);
    if (from?.app === app) continue;
    const visit: Visit = { app, atMs, session, from, next: undefined };
    if (from) from.next = visit;
    visits.push(visit);
  }
  return visits;
}

function comesBack({ app, from }: Visit): boolean {
  for (let before = from; before; before = before.from) if (before.app === app) return true;
  return false;
}

const sessions = (visits: readonly Visit[]): number => new Set(visits.map(({ session }) => session)).size;

/** The graph as the API is to tell it, counted the plain way over the events of sessions, each in its order. */
export function flowOf(
  given: readonly (readonly SeenEvent[])[],
  { fromMs = -Infinity, toMs = Infinity }: { fromMs?: number; toMs?: number } = {},
): { nodes: object[]; edges: object[] } {
  const visits = given.flatMap(visitsOf).filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  const hops = visits.flatMap((visit) => (visit.from ? [{ ...visit, from: visit.from }] : []));
  const apps = [...new Set(visits.flatMap(({ app, from }) => (from ? [app, from.app] : [app])))];
  const nodes = apps.map((app) => {
    const to = visits.filter((visit) => visit.app === app);
    const exits = to.filter(({ next }) => !next).length;
    return {
      app,
      sessions: sessions(to),
      entries: to.filter(({ from }) => !from).length,
      hopsIn: to.filter(({ from }) => from).length,
      hopsOut: hops.filter(({ from }) => from.app === app).length,
      exits,
      dropOff: ratio(exits, to.length),
      returns: to.filter(comesBack).length,
    };
  });
  const pairs = [...new Set(hops.map(({ app, from }) => JSON.stringify([from.app, app])))];
  const edges = pairs.map((pair) => {
    const [from, to] = JSON.parse(pair) as [string, string];
    const along = hops.filter((hop) => hop.from.app === from && hop.app === to);
    const stays = along.map((hop) => hop.atMs - hop.from.atMs);
    return {
      from,
      to,
      sessions: sessions(along),
      hops: along.length,
      share: ratio(along.length, hops.filter((hop) => hop.from.app === from).length),
      loops: along.filter((hop) => hop.from.from?.app === to).length,
      p50Ms: quantile(stays, 0.5),
      p95Ms: quantile(stays, 0.95),
    };
  });
  return {
    nodes: nodes.sort(
      (a, b) => b.entries + b.hopsIn - a.entries - a.hopsIn || b.hopsOut - a.hopsOut || byText(a.app, b.app),
    ),
    edges: edges.sort((a, b) => b.hops - a.hops || byText(a.from, b.from) || byText(a.to, b.to)),
  };
}
