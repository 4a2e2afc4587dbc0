import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { IdentifiedEvent } from '@wayline/contracts';
import { NAME_KINDS, nameId, sourceId } from '@wayline/store';
import { authorization, exportedLines, fetchText, readCsv } from './export-reading.ts';
import { app, eventAt, LEAST_FIELDS, type QueryUnderTest, SESSION_START, startQuery } from './query-under-test.ts';

let query: QueryUnderTest;
beforeAll(async () => {
  query = await startQuery();
  await storeOdd();
}, 60_000);
afterAll(() => query.close());

const HOUR = 3_600_000;
/** As it may well be: anything is an id. */
const ODD_ID = `o'clock \\'; DROP TABLE events; -- $1 %s "漢" \u{1F600}`;
const ODD_TEXTS = [
  'quotes " and \\ and / and \'',
  'lines\nand\r\ntabs\tand \b\f\v',
  'controls \u0001\u001f\u007f\u0085\u2028\u2029',
  '漢字 é e\u0301 \u{1F600}',
  '=cmd|calc',
  '',
  ' ,;, ',
];

/** A session of a machine with all that may be odd in an event. */
async function storeOdd(): Promise<void> {
  const odd = { sessionId: ODD_ID, machineId: ODD_ID };
  const texts = ODD_TEXTS.map((text, n) =>
    eventAt(n, {
      ...odd,
      type: text || 'x',
      namespace: text || 'x',
      userId: text,
      anonymousId: text,
      target: text,
      page: text,
      referrer: text,
      userAgent: text,
      source: { kind: n % 2 ? 'app' : 'microservice', name: text || 'x', version: text, instance: text },
      context: { [text]: [text, { deep: null }] },
    }),
  );
  const numbers = [0, -0, 1.5, -1.5e-300, Number.MAX_VALUE, 5e-324, 1e21, 123456789012345680, 1e15].map((value, n) =>
    eventAt(100 + n, { ...odd, value, seq: n, platform: 'embedded' }),
  );
  const seq = eventAt(200, { ...odd, seq: Number.MAX_SAFE_INTEGER });
  await query.store([...texts, ...numbers, seq]);
  await query.store([eventAt(0, { ...odd, type: 'skewed' })], { skewMs: 10_000, receivedMs: SESSION_START + 77 });
  await query.store([eventAt(9_000, { ...odd, type: 'skewed back' })], { skewMs: -45_000 });
  await storeInline(odd);
  const raw = eventAt(300, { ...odd, context: {} });
  await query.store([raw]);
  await query.pool.query(
    `UPDATE events SET context = '{"big": 12345678901234567890, "a":1.0,"a":2}' WHERE event_id = $1`,
    [raw.eventId],
  );
}

/** An event none of whose names stand in the tables, because their hashes were taken. */
async function storeInline(odd: Partial<IdentifiedEvent>): Promise<void> {
  const source = { kind: 'app' as const, name: 'taken-app', version: '9' };
  const squat = (kind: number, id: string) =>
    query.pool.query(`INSERT INTO names (project_id, kind, id, name) VALUES (1, $1, $2, 'squatter')`, [kind, id]);
  await squat(NAME_KINDS.type, nameId(NAME_KINDS.type, 'taken'));
  await squat(NAME_KINDS.namespace, nameId(NAME_KINDS.namespace, 'taken-too'));
  await squat(NAME_KINDS.userAgent, nameId(NAME_KINDS.userAgent, 'taken agent'));
  await query.pool.query(`INSERT INTO sources (project_id, id, kind, name) VALUES (1, $1, 2, 'squatter')`, [
    sourceId(source),
  ]);
  const names = { type: 'taken', namespace: 'taken-too', userAgent: 'taken agent', source };
  await query.store([eventAt(250, { ...odd, ...names })]);
}

const SESSION = `/v1/sessions/${encodeURIComponent(ODD_ID)}`;
const MACHINE = `/v1/machines/${encodeURIComponent(ODD_ID)}`;

describe('O14: NDJSON', () => {
  test('of a session has, line for line and character by character, what its events are read as', async () => {
    const { text } = await query.get(`${SESSION}/events?limit=1000`);
    const lines = await exportedLines(query, `${SESSION}/export`);
    expect(lines).toHaveLength(21);
    expect(text.slice(0, text.indexOf(',"gaps":'))).toBe(`{"events":[${lines.join(',')}]`);
  });

  test('of a machine has what its timeline has, in that order, and the same range', async () => {
    await query.store([eventAt(150, { sessionId: 'second', machineId: ODD_ID })]);
    for (const range of ['', `from=${SESSION_START + 2}&to=${SESSION_START + 150}`, `from=${SESSION_START + 150}`]) {
      const { text } = await query.get(`${MACHINE}/timeline?limit=1000&${range}`);
      const lines = await exportedLines(query, `${MACHINE}/export?${range}`);
      expect(lines.length).toBeGreaterThanOrEqual(5);
      expect(text.startsWith(`{"events":[${lines.join(',')}],"nextCursor":null`)).toBe(true);
    }
    expect(await exportedLines(query, '/v1/machines/never-seen/export')).toEqual([]);
  });

  test('of one type has nothing else, also where the name stands in the row', async () => {
    const typesOf = async (path: string) => (await exportedLines(query, path)).map((line) => JSON.parse(line).type);
    for (const type of ['skewed', 'taken', ODD_TEXTS[1] as string]) {
      const parameter = `type=${encodeURIComponent(type)}`;
      expect(await typesOf(`${SESSION}/export?${parameter}`)).toEqual([type]);
      expect(await typesOf(`/v1/export?${parameter}`)).toEqual([type]);
    }
    expect(await typesOf(`/v1/export?type=squatter`)).toEqual([]);
  });

  test('a line break between the words of a context does not break the line', async () => {
    const event = eventAt(0, { sessionId: 'broken lines', context: {} });
    await query.store([event]);
    await query.pool.query('UPDATE events SET context = $2 WHERE event_id = $1', [
      event.eventId,
      '{\r\n "a": "b\\n"\n}',
    ]);
    const lines = await exportedLines(query, '/v1/sessions/broken%20lines/export');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('"context":{   "a": "b\\n" }');
  });
});

describe('O14: a range', () => {
  test('has the events whose corrected time lies in it, each once, whatever their clocks said', async () => {
    const at = (ms: number, type: string) => eventAt(30 * 24 * HOUR + ms, { sessionId: 'ranged', type });
    await query.store([at(-1, 'before'), at(0, 'first'), at(HOUR - 1, 'last'), at(HOUR, 'after')]);
    await query.store([at(-20 * HOUR, 'slow clock')], { skewMs: 20 * HOUR + 5 });
    await query.store([at(20 * HOUR, 'fast clock')], { skewMs: -20 * HOUR + 5 });
    await query.store([at(5, 'skewed out')], { skewMs: 2 * HOUR });
    const from = SESSION_START + 30 * 24 * HOUR;
    const lines = await exportedLines(query, `/v1/export?from=${from}&to=${from + HOUR}`);
    expect(lines.map((line) => JSON.parse(line).type).sort()).toEqual(['fast clock', 'first', 'last', 'slow clock']);
    const { events } = await query.read('/v1/sessions/ranged/events');
    for (const line of lines) expect(events).toContainEqual(JSON.parse(line));
  });

  test('I5: is of one project only', async () => {
    await query.store([eventAt(0, { sessionId: ODD_ID, machineId: ODD_ID, type: 'theirs' })], { projectId: 2 });
    for (const path of ['/v1/export', `${SESSION}/export`, `${MACHINE}/export`]) {
      const theirs = await exportedLines(query, path, { projectId: 2 });
      expect(theirs.map((line) => JSON.parse(line).type)).toEqual(['theirs']);
      expect((await exportedLines(query, path)).join()).not.toContain('theirs');
      expect((await fetchText(query, path, { projectId: 3 })).text).not.toContain('eventId');
    }
  });
});

describe('O14: CSV', () => {
  test('has a column for each field, and the same events as the JSON', async () => {
    const { headers, text } = await fetchText(query, `${SESSION}/export?format=csv`);
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    const [names = [], ...rows] = readCsv(text);
    const events = (await exportedLines(query, `${SESSION}/export`)).map((line) => JSON.parse(line));
    expect(rows).toHaveLength(events.length);
    for (const [index, row] of rows.entries()) {
      const given = Object.fromEntries(names.map((name, n) => [name, row[n]]));
      const { source, context, skewMs = 0, value, seq, ...texts } = events[index];
      const flat = {
        ...texts,
        sourceKind: source?.kind,
        sourceName: source?.name,
        sourceVersion: source?.version,
        sourceInstance: source?.instance,
      };
      for (const [name, text] of Object.entries(flat)) expect([name, given[name]]).toEqual([name, text]);
      const numbers = [given.skewMs, given.value, given.seq].map((text) =>
        text === undefined ? undefined : Number(text),
      );
      expect(numbers).toEqual([skewMs, value, seq]);
      expect(given.context === undefined ? undefined : JSON.parse(given.context)).toEqual(context);
      expect(row).toHaveLength(23);
    }
  });

  test('keeps what a spreadsheet would run as a formula, unless it is asked to escape it', async () => {
    const kept = (await fetchText(query, `${SESSION}/export?format=csv`)).text;
    const escaped = (await fetchText(query, `${SESSION}/export?format=csv&formulas=escape`)).text;
    expect(kept).toContain(',=cmd|calc,');
    expect(escaped).not.toContain(',=cmd|calc,');
    expect(escaped).toContain(",'=cmd|calc,");
    expect(escaped).toContain(',-1.5e-300,'); // a number is no formula
  });

  test.each([
    { name: '=', begins: '=' },
    { name: '+', begins: '+' },
    { name: '-', begins: '-' },
    { name: '@', begins: '@' },
    { name: 'a tab', begins: '\t' },
    { name: 'a carriage return', begins: '\r' },
  ])('escapes in every column of a text what begins with $name, where it is asked to', async ({ begins }) => {
    const text = `${begins}1+1`;
    const names = { sessionId: text, type: text, namespace: text, target: text, page: text, referrer: text };
    const ids = { userId: text, anonymousId: text, machineId: text, userAgent: text };
    const source = { kind: 'app' as const, name: text, version: text, instance: text };
    await query.store([eventAt(0, { ...names, ...ids, source })], { projectId: 9 });
    const path = `/v1/sessions/${encodeURIComponent(text)}/export?format=csv`;
    for (const [formulas, expected] of [
      ['keep', text],
      ['escape', `'${text}`],
    ] as const) {
      const [columns = [], row = []] = readCsv(
        (await fetchText(query, `${path}&formulas=${formulas}`, { projectId: 9 })).text,
      );
      const told = Object.fromEntries(columns.map((name, n) => [name, row[n]]));
      const sources = { sourceName: expected, sourceVersion: expected, sourceInstance: expected };
      const texts = [...Object.keys(names), ...Object.keys(ids)].map((name) => [name, expected]);
      expect(told).toMatchObject({ ...Object.fromEntries(texts), ...sources });
    }
  });
});

describe('what stands around the events', () => {
  test('the name of a file that any system takes, and how many events there were, at the end', async () => {
    const { headers, trailers } = await new Promise<{ headers: object; trailers: object }>((resolve, reject) => {
      void authorization().then((given) => {
        request(`${query.url}${SESSION}/export`, { headers: given }, (response) => {
          response.resume().on('end', () => resolve(response));
        })
          .on('error', reject)
          .end();
      });
    });
    expect(headers).toMatchObject({
      'content-type': 'application/x-ndjson',
      'content-disposition': 'attachment; filename="wayline-session-o_clock_DROP_TABLE_events_--_1_s_.ndjson"',
      'cache-control': 'no-store',
    });
    expect(trailers).toEqual({ 'wayline-events': '21' });
  });

  test('A12: through when it is complete, and which partitions lag', async () => {
    const whole = await fetchText(query, '/v1/export?type=never');
    expect(Date.now() - Date.parse(whole.headers.get('wayline-complete-through') ?? '')).toBeLessThan(10_000);
    expect(whole.headers.get('wayline-lagging')).toBeNull();
    await query.append([eventAt(0, { sessionId: 'unread' })]);
    await query.seeLog();
    const { headers } = await fetchText(query, '/v1/export?type=never');
    expect(Date.parse(headers.get('wayline-complete-through') ?? '')).toBeLessThan(Date.now());
    expect(headers.get('wayline-lagging')).toMatch(/^wayline\.events\/\d;records=1$/);
    for (const partition of [0, 1]) await query.catchUp(partition);
    await query.seeLog();
  });

  test('HEAD tells the same, without the events', async () => {
    const response = await fetch(`${query.url}${SESSION}/export`, { method: 'HEAD', headers: await authorization() });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
    expect(await response.text()).toBe('');
  });
});

describe('a request that is wrong', () => {
  test.each([
    { path: '/v1/sessions/never/export', status: 404, code: 'not_found', what: 'never' },
    { path: '/v1/sessions/never/trace', status: 404, code: 'not_found', what: 'never' },
    { path: '/v1/export?format=xml', status: 400, code: 'invalid_request', what: '`format`' },
    { path: '/v1/sessions/x/trace?format=ndjson', status: 400, code: 'invalid_request', what: 'otlp, chrome' },
    { path: '/v1/export?format=csv&formulas=run', status: 400, code: 'invalid_request', what: '`formulas`' },
    { path: '/v1/export?from=2&to=1', status: 400, code: 'invalid_request', what: '`from`' },
    { path: '/v1/export?limit=5', status: 400, code: 'invalid_request', what: '`limit`' },
    { path: '/v1/sessions/x/export?from=1', status: 400, code: 'invalid_request', what: '`from`' },
    { path: '/v1/machines/a%00b/export', status: 400, code: 'invalid_request', what: '`id`' },
  ])('$path is refused with $status, naming $what', async ({ path, status, code, what }) => {
    const answer = await fetchText(query, path);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(JSON.parse(answer.text)).toMatchObject({ code, detail: expect.stringContaining(what) });
    expect(query.faults).toEqual([]);
  });

  test('I1: nobody gets 401, and who may not read 403', async () => {
    for (const path of ['/v1/export', `${SESSION}/export`, `${MACHINE}/export`, `${SESSION}/trace`]) {
      expect((await fetchText(query, path, { credential: null })).status).toBe(401);
      expect((await fetchText(query, path, { scopes: ['write', 'aggregation', 'admin'] })).status).toBe(403);
    }
  });
});

test('exports run as the role that can only read, as all reads do', async () => {
  const other = await startQuery({ readerRole: 'nobody at all' });
  try {
    const reads = [
      '/v1/sessions',
      '/v1/export',
      '/v1/machines/m/export',
      '/v1/sessions/s/export',
      '/v1/sessions/s/trace',
    ];
    for (const path of reads) expect([path, (await fetchText(other, path)).status]).toEqual([path, 500]);
  } finally {
    await other.close();
  }
});

test('an event of an app with no more than it needs is exported with no empty fields', async () => {
  await query.store([eventAt(0, { sessionId: 'least', ...app('shop') })]);
  const [line = ''] = await exportedLines(query, '/v1/sessions/least/export');
  expect(Object.keys(JSON.parse(line))).toEqual([...LEAST_FIELDS, 'source']);
});
