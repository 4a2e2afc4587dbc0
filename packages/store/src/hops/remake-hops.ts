import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../in-transaction.ts';
import { bookHopDays } from './hop-days.ts';
import { changesOf, lookupsOf, noteLookup, remadeSession } from './remade-session.ts';
import { takeStretches } from './take-stretches.ts';
import { addVisits, lastBefore, readArrivals, readVisits, removeVisits } from './visit-rows.ts';

/** Marks of one transaction, beside others of the same sessions; several may be of one session. More cost a little less, and hold up who else is in this process for 100 ms. */
const MARKS_AT_ONCE = 500;

export interface RemakeBounds {
  /** No further transaction begins after so long, ms. */
  longestMs?: number;
  /** Marks of one transaction, beside others of the same sessions: the fewer, the shorter it keeps a processor busy. */
  marksAtOnce?: number;
}

export interface Remade {
  sessions: number;
  /** Whether no marks are left, but for those of the last second. */
  isDone: boolean;
}

/**
 * Remakes the visits and hops of sessions that have new events of apps, and books the change in the sums of days. Only one
 * process at a time may do it: two that remade the same session at once could leave a hop that one of them did not see
 * split, and nobody else may write these tables.
 */
export async function remakeHops(pool: Pool, signal: AbortSignal, bounds: RemakeBounds = {}): Promise<Remade> {
  const { longestMs = Number.POSITIVE_INFINITY, marksAtOnce = MARKS_AT_ONCE } = bounds;
  const remade = { sessions: 0, isDone: false };
  const begunMs = performance.now();
  while (!remade.isDone && !signal.aborted && performance.now() - begunMs < longestMs) {
    const taken = await inTransaction(pool, async (client) => {
      // One snapshot: stretches and hops fit together. What is stored meanwhile has marks of its own.
      await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET LOCAL jit = off');
      return remakeSome(client, marksAtOnce);
    });
    remade.sessions += taken.sessions;
    remade.isDone = taken.marks < marksAtOnce;
  }
  return remade;
}

async function remakeSome(client: PoolClient, most: number): Promise<{ marks: number; sessions: number }> {
  const { marks, stretches } = await takeStretches(client, most);
  if (marks === 0) return { marks: 0, sessions: 0 };
  const arrivals = await readArrivals(client, stretches);
  const kept = await readVisits(client, stretches);
  const sessions = stretches.map((stretch, i) => remadeSession(stretch, arrivals[i] ?? [], kept[i] ?? []));
  const lookups = sessions.flatMap((session) => lookupsOf(session).map((lookup) => ({ session, lookup })));
  const found = await lastBefore(
    client,
    lookups.map(({ lookup }) => lookup),
  );
  lookups.forEach(({ session, lookup }, i) => {
    noteLookup(session, lookup, found[i]);
  });
  const changes = sessions.map(changesOf);
  const removed = changes.flatMap((change) => change.removed);
  const added = changes.flatMap((change) => change.added);
  await removeVisits(client, removed);
  await addVisits(client, added);
  await bookHopDays(client, { removed, added });
  return { marks, sessions: stretches.length };
}
