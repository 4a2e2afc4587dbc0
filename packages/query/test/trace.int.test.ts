import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { fetchText } from './export-reading.ts';
import { throughProtobuf, withoutEmptyLists } from './otlp-reading.ts';
import { eventAt, type QueryUnderTest, SESSION_START, startQuery } from './query-under-test.ts';

const CARRIED = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const TRACEPARENT = `00-${CARRIED}-${CALLER}-01`;
/** Of another span, which sent a CloudEvent. */
const SENDER = 'c8be7b825a3fb6a2';

let query: QueryUnderTest;
beforeAll(async () => {
  query = await startQuery();
  const session = { sessionId: 's "1" 漢', userId: 'u-1' };
  const shop = { ...session, source: { kind: 'app' as const, name: 'shop', version: '2', instance: 'tab-1' } };
  const otherTab = { ...session, source: { kind: 'app' as const, name: 'shop', version: '2', instance: 'tab-2' } };
  const checkout = { ...session, source: { kind: 'app' as const, name: 'checkout' } };
  const cart = { ...session, source: { kind: 'microservice' as const, name: 'cart', version: '1' } };
  await query.store([
    eventAt(0, { ...session, type: 'sessionStarted', context: { previousSessionId: 's-0' } }),
    eventAt(10, {
      ...shop,
      type: 'pageVisit',
      page: '/"x"\\',
      seq: 1,
      value: 1.5,
      userAgent: 'agent',
      platform: 'web',
    }),
    eventAt(15, { ...cart, type: 'serviceCall', target: 'add', context: { traceparent: TRACEPARENT } }),
    eventAt(16, {
      ...cart,
      type: 'serviceCall',
      context: { _cloudevent: { traceparent: `00-${CARRIED}-${SENDER}-01` } },
    }),
    eventAt(17, { ...cart, type: 'serviceCall', context: { traceparent: '00-nonsense' } }),
    eventAt(18, { ...cart, type: 'serviceCall', context: { traceparent: TRACEPARENT } }),
    eventAt(20, { ...checkout, type: 'pageVisit', anonymousId: '', context: { big: 1e21, '"': null } }),
    eventAt(30, { ...otherTab, type: 'click', namespace: 'frontend', machineId: 'm-1' }),
    eventAt(31, { ...shop, type: 'click' }),
    eventAt(40, { ...checkout, type: 'click' }),
    eventAt(50, { ...shop, type: 'click', seq: Number.MAX_SAFE_INTEGER }),
  ]);
  await query.store([eventAt(25, { ...session, type: 'noSource' })], { skewMs: -6_000 });
  await query.store([eventAt(0, { sessionId: 'alone' })]);
}, 60_000);
afterAll(() => query.close());

const PATH = `/v1/sessions/${encodeURIComponent('s "1" 漢')}/trace`;
const ms = (after: number): string => `${SESSION_START + after}000000`;

// biome-ignore lint/suspicious/noExplicitAny: a test looks into traces of every form
type Json = any;

async function read(path: string, asking?: Parameters<typeof fetchText>[2]): Promise<Json> {
  const { status, headers, text } = await fetchText(query, path, asking);
  expect([status, headers.get('content-type')]).toEqual([200, 'application/json']);
  return JSON.parse(text);
}

/** Attributes as an object. */
const plain = (attributes: Json[]): Json =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

/** Spans with their resource, by the name and instance of their source. */
function spansOf({ resourceSpans }: Json): Map<string, Json> {
  return new Map(
    resourceSpans.map(({ resource, scopeSpans }: Json) => {
      const about = plain(resource.attributes);
      const [span, ...more] = scopeSpans.flatMap(({ spans }: Json) => spans);
      expect(more).toEqual([]);
      return [[about['service.name'], about['service.instance.id']].filter(Boolean).join(' '), { ...span, about }];
    }),
  );
}

describe('A5: a session as OTLP/JSON', () => {
  test('is what the protobuf definitions of OTLP have, and nothing else', async () => {
    for (const path of [PATH, `${PATH}?format=otlp`, '/v1/sessions/alone/trace']) {
      const json = await read(path);
      expect(throughProtobuf(json)).toEqual(withoutEmptyLists(json));
    }
  });

  test('has one trace: a span of the session, and below it one of each source, with its events in their order', async () => {
    const spans = spansOf(await read(PATH));
    expect([...spans.keys()].sort()).toEqual(['cart', 'checkout', 'shop tab-1', 'shop tab-2', 'wayline.session']);
    const root = spans.get('wayline.session');
    expect(root).toMatchObject({ name: 'session', startTimeUnixNano: ms(-5_975), endTimeUnixNano: ms(50) });
    expect(root).not.toHaveProperty('parentSpanId');
    expect(root.events.map(({ name }: Json) => name)).toEqual(['noSource', 'sessionStarted']);
    expect(plain(root.attributes)).toMatchObject({
      'session.id': 's "1" 漢',
      'session.previous_id': 's-0',
      'user.id': 'u-1',
      'wayline.session.events': '12',
    });
    for (const [name, span] of spans) {
      expect(span.traceId).toBe(root.traceId);
      if (span !== root) expect([name, span.parentSpanId]).toEqual([name, root.spanId]);
      for (const { timeUnixNano } of span.events) {
        expect(timeUnixNano >= span.startTimeUnixNano && timeUnixNano <= span.endTimeUnixNano).toBe(true);
      }
    }
    expect(new Set([...spans.values()].map(({ spanId }) => spanId)).size).toBe(spans.size);
    const shop = spans.get('shop tab-1');
    expect(shop).toMatchObject({ startTimeUnixNano: ms(10), endTimeUnixNano: ms(50) });
    expect(shop.about).toEqual({
      'service.name': 'shop',
      'service.version': '2',
      'service.instance.id': 'tab-1',
      'wayline.source.kind': 'app',
    });
    expect(shop.events.map(({ name, timeUnixNano }: Json) => [name, timeUnixNano])).toEqual([
      ['pageVisit', ms(10)],
      ['click', ms(31)],
      ['click', ms(50)],
    ]);
    expect(plain(shop.events[0].attributes)).toMatchObject({
      'wayline.page': '/"x"\\',
      'wayline.seq': '1',
      'wayline.value': 1.5,
      'user_agent.original': 'agent',
      'wayline.platform': 'web',
      'wayline.namespace': 'default',
    });
    expect(plain(shop.events[2].attributes)['wayline.seq']).toBe('9007199254740991');
    expect(plain(spans.get('checkout').events[0].attributes)['wayline.context']).toBe('{"big":1e+21,"\\"":null}');
  });

  test('links to the session before, to where its hops came from, and to the traces that its events carried', async () => {
    const spans = spansOf(await read(PATH));
    const root = spans.get('wayline.session');
    const before = await (async () => {
      await query.store([eventAt(-9_000, { sessionId: 's-0' })]);
      return spansOf(await read('/v1/sessions/s-0/trace')).get('wayline.session');
    })();
    expect(root.links).toEqual([expect.objectContaining({ traceId: before.traceId, spanId: before.spanId })]);
    const hopsTo = (name: string) =>
      spans.get(name).links.map(({ traceId, spanId, attributes }: Json) => {
        expect(traceId).toBe(root.traceId);
        const [from] = [...spans].find(([, span]) => span.spanId === spanId) ?? [];
        return [from, plain(attributes)['wayline.hop.count']];
      });
    expect(hopsTo('checkout')).toEqual([['shop tab-1', '2']]);
    expect(hopsTo('shop tab-1')).toEqual([['checkout', '1']]);
    expect(hopsTo('shop tab-2')).toEqual([['checkout', '1']]);
    const carried = [CALLER, SENDER].map((spanId) => ({ traceId: CARRIED, spanId }));
    expect(spans.get('cart').links).toMatchObject(carried); // each once
  });

  test('has the same ids each time, and none of them in another project or session', async () => {
    const ids = (trace: Json) => [...spansOf(trace).values()].flatMap(({ traceId, spanId }) => [traceId, spanId]);
    const own = ids(await read(PATH));
    expect(ids(await read(PATH))).toEqual(own);
    await query.store([eventAt(0, { sessionId: 'alone' })], { projectId: 2 });
    const alone = ids(await read('/v1/sessions/alone/trace'));
    const others = [...own, ...ids(await read('/v1/sessions/alone/trace', { projectId: 2 }))];
    expect(alone.filter((id) => others.includes(id))).toEqual([]);
  });
});

describe('A5: a session in Chrome’s trace-event format', () => {
  let trace: Json;
  beforeAll(async () => {
    trace = await read(`${PATH}?format=chrome`);
  });
  const of = (ph: string): Json[] => trace.traceEvents.filter((event: Json) => event.ph === ph);
  const place = ({ pid, tid }: Json): string => `${pid} ${tid}`;

  test('is as the format’s document has it', async () => {
    const schema = JSON.parse(await readFile(new URL('chrome-trace.schema.json', import.meta.url), 'utf8'));
    const ajv = new Ajv({
      allErrors: true,
      strict: true,
      strictTypes: false,
      strictRequired: false,
      allowUnionTypes: true,
    });
    const validate = ajv.compile(schema);
    validate(trace);
    expect(validate.errors ?? []).toEqual([]);
    validate(await read('/v1/sessions/alone/trace?format=chrome'));
    expect(validate.errors ?? []).toEqual([]);
  });

  test('has every event as an instant with all its fields, in the order of the session, within its source', async () => {
    const { events } = await query.read(PATH.replace(/trace$/, 'events'));
    expect(of('i').map(({ args }) => args)).toEqual(events);
    for (const { ts, args, ...where } of of('i')) {
      expect(ts).toBe(Date.parse(args.correctedAt) * 1000);
      const slice = of('X').find((each) => place(each) === place(where));
      expect(ts >= slice.ts && ts < slice.ts + slice.dur).toBe(true);
      expect(slice.name).toBe(args.source?.name ?? 'session');
    }
  });

  test('names each process and thread once, an app’s instances being threads of one process', () => {
    const names = (name: string) => of('M').filter((event) => event.name === name);
    expect(names('process_name').map(({ args }) => args.name)).toEqual([
      'session',
      'app shop',
      'microservice cart',
      'app checkout',
    ]);
    expect(new Set(names('process_name').map(({ pid }) => pid)).size).toBe(4);
    expect(names('thread_name').map(({ pid, args }) => [pid, args.name])).toEqual([
      [1, 's "1" 漢'],
      [2, '2 tab-1'],
      [3, '1'],
      [4, 'checkout'],
      [2, '2 tab-2'],
    ]);
    expect(new Set(names('thread_name').map(place)).size).toBe(5);
  });

  test('A1: has a flow for each hop, which begins and ends within slices', async () => {
    const { hops } = await query.read(PATH.replace(/trace$/, 'navigation'));
    const name = (event: Json): string => of('X').find((each) => place(each) === place(event)).name;
    const flows = of('s').map((start) => {
      const end = of('f').find(({ id }) => id === start.id);
      for (const event of [start, end]) {
        const slice = of('X').find((each) => place(each) === place(event));
        expect(event.ts >= slice.ts && event.ts < slice.ts + slice.dur).toBe(true);
      }
      return { from: name(start), to: name(end), at: new Date(end.ts / 1000).toISOString() };
    });
    expect(flows).toEqual(hops.map(({ page: _, ...hop }: Json) => hop));
    expect(flows).toHaveLength(4);
  });
});

test('a session of too many sources is refused, and told what to ask for instead', async () => {
  const events = Array.from({ length: 2_001 }, (_, n) =>
    eventAt(n, { sessionId: 'many', source: { kind: 'app', name: 'a', instance: String(n) } }),
  );
  await query.store(events.slice(0, 2_000));
  expect(spansOf(await read('/v1/sessions/many/trace')).size).toBe(2_001);
  await query.store(events.slice(2_000));
  for (const format of ['otlp', 'chrome']) {
    const { status, text } = await fetchText(query, `/v1/sessions/many/trace?format=${format}`);
    expect([status, JSON.parse(text).detail]).toEqual([400, expect.stringContaining('`export`')]);
  }
});
