import {
  isKeyed,
  type LogStretch,
  type Reader,
  type TailBatch,
  type TailCandidate,
  type TailFilter,
  tailBatches,
  tailCandidates,
} from '@wayline/store';
import { chooseEvents, type WantedEvent } from './choose-events.ts';
import { offsetIn, stretchesBetween, type TailPosition } from './tail-position.ts';

/** An event that somebody asks for, and where it stood in the log. */
export interface NewsEvent extends WantedEvent {
  topic: string;
  partition: number;
  offset: number;
}

/** Events that a reader does not get. */
export interface Skipped {
  /** null where it cannot be told. */
  events: number | null;
  /** Whether they were not looked at one by one: then some of them may be of others. */
  atMost: boolean;
}

type Counted = Skipped & { events: number };

export interface News {
  /** How many events were stored, as far as they were looked at, and between which `occurred_at` they lie, epoch ms. */
  looked: { events: number; fromMs: number; toMs: number };
  /** In the order of their batches, in which they were stored; within one, of the log. */
  events: NewsEvent[];
  skipped: Map<TailFilter, Counted>;
}

export interface NewsLimits {
  /** Of all that is wanted. */
  events: number;
  /** Of the events stored, so many are looked at: the last ones. */
  scanned: number;
}

/** Up to so many events stored, one statement looks at all of them for everybody. */
const TOGETHER = 2_000;
/** Of what is looked for by session, machine or user so much is taken: it is shared by many. */
const KEYED = 20_000;
/** So many batches of a partition are looked at. */
const BATCHES = 1_000;

export interface NewsAsked {
  logId: string;
  from: TailPosition;
  to: TailPosition;
  filters: readonly TailFilter[];
  limits: NewsLimits;
}

/**
 * What was stored between two positions and is wanted. Bounded however much that is: what goes beyond the limits is skipped,
 * and told so.
 * @param reader a snapshot that has all up to `to`
 */
export async function readNews(reader: Reader, { logId, from, to, filters, limits }: NewsAsked): Promise<News> {
  const stretches = stretchesBetween(from, to);
  if (stretches.length === 0) return { events: [], skipped: new Map(), looked: { events: 0, fromMs: 0, toMs: 0 } };
  const listed = await tailBatches(reader, { logId, stretches, limit: BATCHES });
  const { batches, passedOver } = lastOf(listed, stretches, limits.scanned);
  const total = batches.reduce((sum, { events }) => sum + events, 0);
  const { candidates, cutShort } = await candidatesOf(reader, batches, { filters, total, limit: 2 * limits.events });
  const ordered = inOrder(candidates, batches, from);
  const { events, skipped } = chooseEvents(ordered, filters, limits.events);
  const missed = new Map<TailFilter, Counted>();
  for (const filter of filters) {
    const unseen = passedOver + (cutShort.has(filter) ? total - candidates.length : 0);
    const count = unseen + (skipped.get(filter) ?? 0);
    if (count > 0) missed.set(filter, { events: count, atMost: unseen > 0 });
  }
  return { events: events as NewsEvent[], skipped: missed, looked: { events: total, ...timesOf(batches) } };
}

function timesOf(batches: readonly TailBatch[]): { fromMs: number; toMs: number } {
  const fromMs = Math.min(...batches.map(({ occurredFrom }) => occurredFrom ?? Number.POSITIVE_INFINITY));
  const toMs = Math.max(...batches.map(({ occurredTo }) => occurredTo ?? Number.NEGATIVE_INFINITY));
  return { fromMs, toMs };
}

/** The last batches, with so many events; and how many events the others have, at most. */
function lastOf(
  listed: readonly TailBatch[],
  stretches: readonly LogStretch[],
  events: number,
): { batches: TailBatch[]; passedOver: number } {
  let passedOver = 0;
  for (const { topic, partition, from } of stretches) {
    const own = listed.filter((batch) => batch.topic === topic && batch.partition === partition);
    const first = Math.min(...own.map(({ firstOffset }) => firstOffset));
    if (own.length >= BATCHES && first > from) passedOver += first - from;
  }
  const batches: TailBatch[] = [];
  let room = events;
  for (const batch of [...listed].sort((a, b) => b.id - a.id)) {
    if (room > 0) batches.push(batch);
    else passedOver += batch.events;
    room -= batch.events;
  }
  return { batches: batches.reverse(), passedOver };
}

async function candidatesOf(
  reader: Reader,
  batches: readonly TailBatch[],
  { filters, total, limit }: { filters: readonly TailFilter[]; total: number; limit: number },
): Promise<{ candidates: TailCandidate[]; cutShort: Set<TailFilter> }> {
  const cutShort = new Set<TailFilter>();
  if (total <= TOGETHER) {
    return { candidates: await tailCandidates(reader, batches, { filters, limit: total }), cutShort };
  }
  // With so many, each filter looks for itself: those that few events fit must not miss them for those that all fit.
  const keyed = filters.filter(isKeyed);
  const found = new Map<string, TailCandidate>();
  for (const asking of [keyed, ...filters.filter((filter) => !isKeyed(filter)).map((filter) => [filter])]) {
    const most = asking === keyed ? KEYED : limit;
    const some = await tailCandidates(reader, batches, { filters: asking, limit: most });
    for (const candidate of some) found.set(`${candidate.batchId} ${candidate.index}`, candidate);
    if (some.length >= most) for (const filter of asking) cutShort.add(filter);
  }
  return { candidates: [...found.values()], cutShort };
}

function inOrder(
  candidates: readonly TailCandidate[],
  batches: readonly TailBatch[],
  from: TailPosition,
): NewsCandidate[] {
  const byId = new Map(batches.map((batch) => [batch.id, batch]));
  return candidates
    .flatMap((candidate): NewsCandidate[] => {
      const { topic, partition, firstOffset } = byId.get(candidate.batchId) as TailBatch;
      const offset = firstOffset + candidate.index;
      // A reader may come back in the midst of a batch.
      return offset < offsetIn(from, topic, partition) ? [] : [{ ...candidate, topic, partition, offset }];
    })
    .sort((a, b) => a.batchId - b.batchId || a.index - b.index);
}

type NewsCandidate = Omit<NewsEvent, 'by'>;
