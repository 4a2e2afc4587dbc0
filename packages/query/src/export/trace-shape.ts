import { ProblemError } from '@wayline/contracts';
import type { Source, StoredEvent } from '@wayline/store';
import { sourceKey } from './trace-ids.ts';

/** From one source to another: two events next to each other among those of apps, of different names. */
export interface TraceHop {
  fromKey: string;
  toKey: string;
  /** Corrected times of the two events, epoch ms. */
  fromMs: number;
  toMs: number;
}

/** What a source did in a session, over all its events. */
export interface SourceSpan {
  key: string;
  /** Undefined: the events that name none. */
  source: Source | undefined;
  /** Corrected times, epoch ms. */
  firstMs: number;
  lastMs: number;
  events: number;
  /** From which other sources one went to it: how often, and when first. */
  from: Map<string, { hops: number; firstMs: number }>;
  /** Hops from further ones. */
  hopsLeftOut: number;
}

/** A trace holds one span for each source: beyond so many it is no trace that anybody opens. */
export const MAX_SOURCES = 2_000;
/** Of one span. The data model of OpenTelemetry has the same bound. */
export const MAX_LINKS = 128;

/** Finds hops in the events of a session, given in its order. */
export function createHopFinder(): (event: StoredEvent, key: string) => TraceHop | undefined {
  let last: { name: string; key: string; ms: number } | undefined;
  return ({ source, correctedMs }, key) => {
    if (source?.kind !== 'app') return undefined;
    const before = last;
    last = { name: source.name, key, ms: correctedMs };
    if (!before || before.name === source.name) return undefined;
    return { fromKey: before.key, toKey: key, fromMs: before.ms, toMs: correctedMs };
  };
}

/**
 * The spans of a session in the order in which they begin, by key.
 * @param lists all events of the session, in its order
 * @throws ProblemError where there are more than `MAX_SOURCES`
 */
export async function readShape(lists: AsyncIterable<readonly StoredEvent[]>): Promise<Map<string, SourceSpan>> {
  const spans = new Map<string, SourceSpan>();
  const findHop = createHopFinder();
  for await (const events of lists) {
    for (const event of events) {
      const key = sourceKey(event.source);
      const span = spans.get(key) ?? open(spans, key, event);
      span.lastMs = event.correctedMs;
      span.events += 1;
      const hop = findHop(event, key);
      if (hop) addHop(span, hop);
    }
  }
  return spans;
}

function open(spans: Map<string, SourceSpan>, key: string, { source, correctedMs }: StoredEvent): SourceSpan {
  if (spans.size >= MAX_SOURCES) {
    throw new ProblemError(
      'invalid_request',
      `Over ${MAX_SOURCES} sources reported into this session, too many for a trace; ask for its \`export\` instead.`,
    );
  }
  const span = { key, source, firstMs: correctedMs, lastMs: correctedMs, events: 0, from: new Map(), hopsLeftOut: 0 };
  spans.set(key, span);
  return span;
}

function addHop(span: SourceSpan, { fromKey, toMs }: TraceHop): void {
  const known = span.from.get(fromKey);
  if (known) known.hops += 1;
  else if (span.from.size < MAX_LINKS) span.from.set(fromKey, { hops: 1, firstMs: toMs });
  else span.hopsLeftOut += 1;
}
