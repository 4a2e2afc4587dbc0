import { appGraph, type GraphEdge, type GraphNode, hopsPendingSince } from '@wayline/store';
import type { Completeness } from './completeness.ts';
import { completenessFields, type Door, type Sources } from './door.ts';

/** Of nodes, and of edges: the rest is not told, and the answer says so. */
const MOST = 1_000;
const MEDIAN = 0.5;
const HIGH = 0.95;

/** From which app to which app sessions went in a range, with what a flow is judged by. */
export function graphDoor(sources: Sources): Door {
  return async ({ projectId, parameters, signal }) => {
    const range = parameters.range();
    const complete = await sources.completeness();
    const [graph, pendingMs] = await sources.read(
      (reader) =>
        Promise.all([
          appGraph(reader, { projectId, range, limit: MOST + 1, shares: [MEDIAN, HIGH] }),
          hopsPendingSince(reader, projectId),
        ]),
      signal,
    );
    const { nodes, edges } = graph;
    return {
      body: {
        nodes: nodes.slice(0, MOST).map(nodeJson),
        edges: edges.slice(0, MOST).map(edgeJson),
        ...((nodes.length > MOST || edges.length > MOST) && { truncated: true }),
        ...completenessFields(heldBack(complete, pendingMs)),
      },
    };
  };
}

function nodeJson({ app, sessions, entries, hopsIn, hopsOut, exits, returns }: GraphNode): object {
  const visits = entries + hopsIn;
  return { app, sessions, entries, hopsIn, hopsOut, exits, dropOff: visits === 0 ? null : exits / visits, returns };
}

function edgeJson({ from, to, sessions, hops, hopsOut, loops, stays }: GraphEdge): object {
  const of = (share: number): number | undefined => stays.find((stay) => stay.share === share)?.ms;
  return { from, to, sessions, hops, share: hops / hopsOut, loops, p50Ms: of(MEDIAN), p95Ms: of(HIGH) };
}

/** Hops are remade after the events are stored: they are complete only as far as that was done. */
function heldBack(complete: Completeness, pendingMs: number | undefined): Completeness {
  if (complete.throughMs === null || pendingMs === undefined) return complete;
  return { ...complete, throughMs: Math.min(complete.throughMs, pendingMs) };
}
