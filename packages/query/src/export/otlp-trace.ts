import type { StoredEvent, StoredSession } from '@wayline/store';
import { type CarriedSpan, carriedSpan } from './carried-trace.ts';
import {
  attributes,
  eventAttributes,
  integers,
  nanoseconds,
  type OtlpAttribute,
  sessionAttributes,
} from './otlp-attributes.ts';
import { sourceKey, spanIdOf, type TracedSession, traceIdOf } from './trace-ids.ts';
import { MAX_LINKS, type SourceSpan } from './trace-shape.ts';

interface OtlpLink extends CarriedSpan {
  attributes: OtlpAttribute[];
}

export interface Trace {
  projectId: number;
  session: StoredSession;
  /** By key, in the order in which they begin. */
  spans: ReadonlyMap<string, SourceSpan>;
}

/** `Span.SpanKind`. */
const INTERNAL = 1;

/**
 * A session as OTLP/JSON (`opentelemetry.proto.trace.v1.TracesData`): one trace, in which a span stands for the session, and one
 * below it for each source. The events of a source are the events of its span; those without a source are the session's.
 * @param lists all events of the session, those of one source together, those without one first
 */
export async function* otlpTrace(trace: Trace, lists: AsyncIterable<readonly StoredEvent[]>): AsyncGenerator<string> {
  const own: TracedSession = { projectId: trace.projectId, sessionId: trace.session.sessionId };
  let writer = new SpanWriter(trace, own, undefined);
  let text = `{"resourceSpans":[${writer.begin()}`;
  for await (const events of lists) {
    for (const event of events) {
      const key = sourceKey(event.source);
      if (key !== writer.key) {
        text += `${writer.end()},`;
        writer = new SpanWriter(trace, own, trace.spans.get(key));
        text += writer.begin();
      }
      text += writer.event(event);
    }
    yield text;
    text = '';
  }
  yield `${text}${writer.end()}]}`;
}

/** One span, in parts: all that is known of it, then its events, then the links that they carried. */
class SpanWriter {
  readonly key: string;
  readonly #trace: Trace;
  readonly #own: TracedSession;
  readonly #span: SourceSpan | undefined;
  readonly #carried = new Map<string, CarriedSpan>();
  #carriedLeftOut = 0;
  #events = 0;

  /** @param span undefined: that of the session */
  constructor(trace: Trace, own: TracedSession, span: SourceSpan | undefined) {
    this.#trace = trace;
    this.#own = own;
    this.#span = span;
    this.key = span?.key ?? '';
  }

  begin(): string {
    const source = this.#span?.source;
    const resource = attributes({
      'service.name': source?.name ?? 'wayline.session',
      'service.version': source?.version,
      'service.instance.id': source?.instance,
      'wayline.source.kind': source?.kind,
    });
    const head = JSON.stringify(this.#span ? this.#ofSource(this.#span) : this.#ofSession());
    return `{"resource":${JSON.stringify({ attributes: resource })},"scopeSpans":[{"scope":{"name":"wayline"},"spans":[${head.slice(
      0,
      -1,
    )},"events":[`;
  }

  #ofSession(): object {
    const { session, spans } = this.#trace;
    const all = [...spans.values()];
    return {
      traceId: traceIdOf(this.#own),
      spanId: spanIdOf(this.#own, ''),
      name: 'session',
      kind: INTERNAL,
      startTimeUnixNano: nanoseconds(Math.min(session.firstMs, ...all.map(({ firstMs }) => firstMs))),
      endTimeUnixNano: nanoseconds(Math.max(session.lastMs, ...all.map(({ lastMs }) => lastMs))),
      attributes: sessionAttributes(
        session,
        all.reduce((sum, { events }) => sum + events, 0),
      ),
    };
  }

  #ofSource({ source, key, firstMs, lastMs, events }: SourceSpan): object {
    return {
      traceId: traceIdOf(this.#own),
      spanId: spanIdOf(this.#own, key),
      parentSpanId: spanIdOf(this.#own, ''),
      name: source?.name ?? '',
      kind: INTERNAL,
      startTimeUnixNano: nanoseconds(firstMs),
      endTimeUnixNano: nanoseconds(lastMs),
      attributes: [
        ...attributes({ 'session.id': this.#own.sessionId }),
        ...integers({ 'wayline.source.events': events }),
      ],
    };
  }

  event(event: StoredEvent): string {
    const carried = carriedSpan(event.context);
    if (carried) this.#carry(carried);
    const json = JSON.stringify({
      timeUnixNano: nanoseconds(event.correctedMs),
      name: event.type,
      attributes: eventAttributes(event),
    });
    this.#events += 1;
    return this.#events === 1 ? json : `,${json}`;
  }

  #carry(span: CarriedSpan): void {
    const id = `${span.traceId} ${span.spanId}`;
    if (this.#carried.has(id)) return;
    if (this.#carried.size < MAX_LINKS) this.#carried.set(id, span);
    else this.#carriedLeftOut += 1;
  }

  end(): string {
    const links: OtlpLink[] = [
      ...this.#previous(),
      ...this.#hops(),
      ...[...this.#carried.values()].map((span) => ({
        ...span,
        attributes: attributes({ 'wayline.link': 'carried' }),
      })),
    ];
    const leftOut = this.#carriedLeftOut + (this.#span?.hopsLeftOut ?? 0);
    const dropped = leftOut > 0 ? `,"droppedLinksCount":${Math.min(leftOut, 0xffff_ffff)}` : '';
    return `],"links":${JSON.stringify(links)}${dropped}}]}]}`;
  }

  #previous(): OtlpLink[] {
    const sessionId = this.#trace.session.previousSessionId;
    if (this.#span || sessionId === null) return [];
    const before = { projectId: this.#own.projectId, sessionId };
    return [
      {
        traceId: traceIdOf(before),
        spanId: spanIdOf(before, ''),
        attributes: attributes({ 'wayline.link': 'previous_session', 'session.id': sessionId }),
      },
    ];
  }

  #hops(): OtlpLink[] {
    return [...(this.#span?.from ?? [])].map(([key, { hops, firstMs }]) => ({
      traceId: traceIdOf(this.#own),
      spanId: spanIdOf(this.#own, key),
      attributes: [
        ...attributes({ 'wayline.link': 'hop', 'wayline.hop.from': this.#trace.spans.get(key)?.source?.name }),
        ...integers({ 'wayline.hop.count': hops, 'wayline.hop.first_at_unix_ms': firstMs }),
      ],
    }));
  }
}
