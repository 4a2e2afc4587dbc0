import { describe, expect, test } from '@jest/globals';
import { PROBLEM_CODES, ProblemError, timeWindow } from '@wayline/contracts';
import { changedJson, damage, damages, HTTP_DOORS } from '@wayline/fuzz';
import fc from 'fast-check';
import type { Arrival, Door } from '../src/arrival.ts';
import { createEventsDoor } from '../src/events-door.ts';
import { createForeignDoors } from '../src/foreign-doors.ts';
import { segmentCredential } from '../src/segment/segment-doors.ts';
import { createSessionDoors } from '../src/sessions-door.ts';

const RUNS = Number(process.env.WAYLINE_TEST_FUZZ_RUNS ?? 1000);
const RECEIVED = Date.UTC(2026, 0, 5, 12);
const TIME = new Date(RECEIVED - 1000).toISOString();

const sessions = createSessionDoors();
const foreign = createForeignDoors(sessions);
const events = foreign.orCloudEvents(createEventsDoor());
const DOORS: Record<string, Door> = {
  '/v1/events': events,
  '/v1/sessions': sessions.start,
  '/v1/sessions/s/refresh': sessions.refresh,
  '/v1/sessions/s/end': sessions.end,
  '/v1/sessions/s/events': events,
};
const at = (path: string): Door => {
  const found = foreign.doors.find((each) => each.path === path);
  if (!found) throw new Error(`no door at ${path}`);
  return found.door;
};

const arrival = (more: Partial<Arrival>): Arrival => ({
  principal: { kind: 'key', projectId: 1, id: 'k', scopes: new Set(['write']), allowImport: false },
  receivedMs: RECEIVED,
  window: timeWindow(RECEIVED, { allowImport: false }),
  headers: { 'content-type': 'application/json' },
  body: Buffer.alloc(0),
  ...more,
});

/** What came of it: records that can be read again, or a refusal of the client's making; never anything else. */
function judge(door: Door, given: Partial<Arrival>): void {
  try {
    const { records, status } = door(arrival(given));
    expect(status).toBeGreaterThanOrEqual(200);
    expect(records.length).toBeGreaterThan(0);
    for (const { key, value } of records) {
      const logged = JSON.parse(String(value)) as { project: number; event: Record<string, unknown> };
      expect([logged.project, logged.event.sessionId]).toEqual([1, key]);
      expect(logged.event.eventId).toMatch(/^[0-9a-f-]{36}$/);
    }
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    expect(PROBLEM_CODES[error.problem.code].status).toBeLessThan(500);
    JSON.stringify(error.problem);
  }
}

const ways = HTTP_DOORS.flatMap(({ name, path, headers, valid }) => {
  const [, session] = /^\/v1\/sessions\/(\w+)\//.exec(path) ?? [];
  const door = DOORS[path] ?? foreign.doors.find((each) => each.path === path)?.door;
  return door ? [{ name, door, headers, valid: valid(TIME), sessionId: session }] : [];
});

const cloudEvent = {
  specversion: '1.0',
  id: 'a',
  source: '/shop',
  type: 'click',
  time: TIME,
  sessionid: 's',
  data: { a: 1 },
};

describe('issue 6: whatever comes through a door is logged, or refused with a reason', () => {
  test('of every way that a body comes in there is one here', () => {
    expect(ways).toHaveLength(HTTP_DOORS.length);
  });

  test.each(ways)('$name', ({ door, valid, headers, sessionId }) => {
    judge(door, { headers, sessionId, body: Buffer.from(JSON.stringify(valid)) });
    const bytes = Buffer.from(JSON.stringify(valid));
    fc.assert(
      fc.property(
        fc.oneof(
          changedJson(valid).map((body) => Buffer.from(JSON.stringify(body))),
          damages().map((changes) => damage(bytes, changes)),
        ),
        (body) => {
          judge(door, { headers, sessionId, body, allowTraits: true });
          segmentCredential.inBody(body);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test('CloudEvents, binary: any headers and any body', () => {
    const { data, ...attributes } = cloudEvent;
    const valid = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, String(value)]));
    const header = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.constantFrom('%', '%00', '%ff', '"', '1e9'),
    );
    const name = fc.constantFrom(...Object.keys(valid), 'ce-__proto__', 'ce-', 'ce-mine', 'ce-page', 'ce-seq');
    const type = fc.constantFrom('application/json', 'text/plain', 'image/png', 'application/xml', '');
    fc.assert(
      fc.property(fc.dictionary(name, header), type, fc.uint8Array({ maxLength: 20 }), (more, mediaType, bytes) => {
        const headers = { ...valid, ...more, 'content-type': mediaType };
        judge(events, { headers, body: bytes.length > 10 ? Buffer.from(JSON.stringify(data)) : Buffer.from(bytes) });
      }),
      { numRuns: RUNS },
    );
  });

  test('/analytics: any address', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('click', String(RECEIVED), '-1', '1e9', '9'.repeat(17)),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('user', 'event', 'timestamp', '__proto__'), value), (query) => {
        const text = Object.entries(query).map(([name, text]) => `${name}=${encodeURIComponent(text.toWellFormed())}`);
        judge(at('/analytics'), { url: `/analytics?${text.join('&')}` });
        judge(at('/analytics'), { url: `/analytics?${Object.values(query).join('%')}` });
      }),
      { numRuns: RUNS },
    );
  });
});
