import type { StoredEvent } from '@wayline/store';
import { eventJson } from '../event-json.ts';
import type { Trace } from './otlp-trace.ts';
import { sourceKey } from './trace-ids.ts';
import { createHopFinder, type SourceSpan } from './trace-shape.ts';

/** Where a source's events stand: a process for each app or microservice, a thread for each version and instance of it. */
interface Place {
  pid: number;
  tid: number;
}

/** That of the session itself, and of events without a source. */
const SESSION: Place = { pid: 1, tid: 1 };

/** Epoch ms in the format's unit. */
const microseconds = (ms: number): number => ms * 1000;

/**
 * A session in Chrome's trace-event format, the JSON object form: metadata names the processes and threads; a complete event
 * (`X`) spans the session and each source, from its first event to its last; events are instants (`i`) with all their fields as
 * `args`; a hop from app to app is a flow (`s`, `f`).
 * @param lists all events of the session, in its order
 */
export async function* chromeTrace(trace: Trace, lists: AsyncIterable<readonly StoredEvent[]>): AsyncGenerator<string> {
  const places = placesOf(trace.spans);
  const about = { sessionId: trace.session.sessionId, previousSessionId: trace.session.previousSessionId };
  let text = `{"displayTimeUnit":"ms","otherData":${JSON.stringify(about)},"traceEvents":[${headOf(trace, places)}`;
  const findHop = createHopFinder();
  let flows = 0;
  for await (const events of lists) {
    for (const event of events) {
      const key = sourceKey(event.source);
      const place = places.get(key) ?? SESSION;
      text += `,${instant(event, place)}`;
      const hop = findHop(event, key);
      if (!hop) continue;
      flows += 1;
      const flow = { name: 'hop', cat: 'hop', id: flows };
      const from = { ...(places.get(hop.fromKey) ?? SESSION), ts: microseconds(hop.fromMs) };
      text += `,${JSON.stringify({ ...flow, ph: 's', ...from })},${JSON.stringify({
        ...flow,
        ph: 'f',
        bp: 'e',
        ...place,
        ts: microseconds(hop.toMs),
      })}`;
    }
    yield text;
    text = '';
  }
  yield `${text}]}`;
}

function instant(event: StoredEvent, place: Place): string {
  const head = {
    name: event.type,
    cat: event.namespace,
    ph: 'i',
    s: 't',
    ts: microseconds(event.correctedMs),
    ...place,
  };
  return `${JSON.stringify(head).slice(0, -1)},"args":${eventJson(event)}}`;
}

/** By key, in the order in which the sources begin. */
function placesOf(spans: ReadonlyMap<string, SourceSpan>): Map<string, Place> {
  const processes = new Map<string, Place>();
  const places = new Map<string, Place>([['', SESSION]]);
  for (const { key, source } of spans.values()) {
    if (!source) continue;
    const name = `${source.kind} ${source.name}`;
    const last = processes.get(name) ?? { pid: SESSION.pid + 1 + processes.size, tid: 0 };
    const place = { pid: last.pid, tid: last.tid + 1 };
    processes.set(name, place);
    places.set(key, place);
  }
  return places;
}

function headOf({ session, spans }: Trace, places: ReadonlyMap<string, Place>): string {
  const all = [...spans.values()];
  const firstMs = Math.min(session.firstMs, ...all.map((span) => span.firstMs));
  const lastMs = Math.max(session.lastMs, ...all.map((span) => span.lastMs));
  const events: object[] = [
    ...named(SESSION, { process: 'session', thread: session.sessionId }),
    complete({ name: 'session', cat: 'session', firstMs, lastMs }, SESSION, { userId: session.userId }),
  ];
  for (const { key, source, ...span } of all) {
    const place = places.get(key);
    if (!source || !place) continue;
    const { kind, name, version, instance } = source;
    const thread = [version, instance].filter((part) => part !== undefined).join(' ') || name;
    events.push(
      ...named(place, { process: `${kind} ${name}`, thread }),
      complete({ name, cat: kind, ...span }, place, { version, instance, events: span.events }),
    );
  }
  return events.map((event) => JSON.stringify(event)).join(',');
}

function named(place: Place, { process, thread }: { process: string; thread: string }): object[] {
  const meta = (name: string, args: object): object => ({ name, ph: 'M', ...place, args });
  return [
    ...(place.tid === 1
      ? [meta('process_name', { name: process }), meta('process_sort_index', { sort_index: place.pid })]
      : []),
    meta('thread_name', { name: thread }),
    meta('thread_sort_index', { sort_index: place.tid }),
  ];
}

/** One microsecond longer than from first to last: flows stick only to what they begin and end within. */
function complete(
  { name, cat, firstMs, lastMs }: { name: string; cat: string; firstMs: number; lastMs: number },
  place: Place,
  args: object,
): object {
  const dur = microseconds(lastMs - firstMs) + 1;
  return { name, cat, ph: 'X', ts: microseconds(firstMs), dur, ...place, args };
}
