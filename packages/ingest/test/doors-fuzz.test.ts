import { describe, expect, test } from '@jest/globals';
import { PROBLEM_CODES, ProblemError, timeWindow } from '@wayline/contracts';
import fc from 'fast-check';
import type { Arrival, Door } from '../src/arrival.ts';
import { createEventsDoor } from '../src/events-door.ts';
import { createForeignDoors } from '../src/foreign-doors.ts';
import { segmentCredential } from '../src/segment/segment-doors.ts';
import { createSessionDoors } from '../src/sessions-door.ts';

const RUNS = Number(process.env.WAYLINE_TEST_FUZZ_RUNS ?? 1000);
const RECEIVED = Date.UTC(2026, 0, 5, 12);
const TIME = new Date(RECEIVED - 1000).toISOString();

const foreign = createForeignDoors(createSessionDoors());
const events = foreign.orCloudEvents(createEventsDoor());
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

const cloudEvent = {
  specversion: '1.0',
  id: 'a',
  source: '/shop',
  type: 'click',
  time: TIME,
  sessionid: 's',
  value: 1,
  data: { a: 1 },
};
const message = {
  type: 'track',
  messageId: 'm',
  event: 'x',
  userId: 'u',
  timestamp: TIME,
  sentAt: TIME,
  properties: { value: 1 },
  context: { page: { url: 'https://a.example/b' }, app: { name: 'shop' }, os: { name: 'iOS' }, sessionId: 's' },
  traits: { a: 1 },
};
const structured = { 'content-type': 'application/cloudevents+json' };
const batched = { 'content-type': 'application/cloudevents-batch+json' };
const doors: { name: string; door: Door; valid: object; headers?: Record<string, string> }[] = [
  { name: 'events', door: events, valid: { sessionId: 's', type: 'x', occurredAt: TIME } },
  { name: 'CloudEvents, structured', door: events, valid: cloudEvent, headers: structured },
  { name: 'CloudEvents, batch', door: events, valid: [cloudEvent, cloudEvent], headers: batched },
  {
    name: 'CloudEvents of our schema',
    door: events,
    valid: { ...cloudEvent, dataschema: 'urn:wayline:event:1', data: { page: '/a', context: { b: 1 } } },
    headers: structured,
  },
  { name: 'Segment, track', door: at('/v1/track'), valid: message },
  { name: 'Segment, page', door: at('/v1/page'), valid: message },
  { name: 'Segment, identify', door: at('/v1/identify'), valid: message },
  { name: 'Segment, batch', door: at('/v1/batch'), valid: { batch: [message], sentAt: TIME, context: {} } },
  { name: '/api/track', door: at('/api/track'), valid: { namespace: 'n', name: 'x', timestamp: TIME, value: 1 } },
  { name: '/session', door: at('/session'), valid: { userId: '7b0f6f0e-6f0b-4a3e-9c53-3d9f0a1b2c3d' } },
  {
    name: '/session/refresh',
    door: at('/session/refresh'),
    valid: { userId: '7b0f6f0e-6f0b-4a3e-9c53-3d9f0a1b2c3d', sessionId: 's' },
  },
  { name: '/track', door: at('/track'), valid: { userId: 'u', action: 'pageVisit', origin: '/a', sessionId: 's' } },
];

/** Values that have broken such code before. */
const odd = fc.oneof(
  fc.constantFrom(null, true, 0, -1, 1e20, 1e300, '', '\0', '\ud800', '__proto__', TIME, '9999-12-31T23:59:59-23:59'),
  fc.constantFrom('0000-01-01T00:00:00+23:59', 'x'.repeat(3000), [], {}, [{}], { a: { b: {} } }),
  fc.jsonValue({ maxDepth: 4 }),
);

/** A valid body of which some members, at any depth, are another value, gone, or named otherwise. */
const changed = (valid: object) =>
  fc.array(fc.tuple(fc.nat(1000), odd, fc.constantFrom('set', 'delete', 'rename')), { maxLength: 4 }).map((changes) => {
    const copy = structuredClone(valid) as Record<string, unknown>;
    for (const [choice, value, how] of changes) {
      const places = placesIn(copy);
      const place = places[choice % places.length];
      if (!place) continue;
      const [owner, name] = place;
      if (how === 'set') owner[name] = structuredClone(value);
      else if (how === 'delete') delete owner[name];
      else
        Object.defineProperty(owner, `${name}X`, {
          value: structuredClone(value),
          enumerable: true,
          configurable: true,
          writable: true,
        });
    }
    return copy;
  });

function placesIn(value: Record<string, unknown>): [Record<string, unknown>, string][] {
  return Object.keys(value).flatMap((name) => {
    const member = value[name];
    const below = typeof member === 'object' && member !== null ? placesIn(member as Record<string, unknown>) : [];
    return [[value, name], ...below] as [Record<string, unknown>, string][];
  });
}

/** Bytes of which some are another, gone, or doubled. */
const mutated = (valid: object) =>
  fc.array(fc.tuple(fc.nat(10_000), fc.nat(255), fc.nat(2)), { minLength: 1, maxLength: 5 }).map((changes) => {
    const bytes = [...Buffer.from(JSON.stringify(valid))];
    for (const [place, byte, how] of changes) {
      const inside = place % Math.max(1, bytes.length);
      if (how === 0) bytes[inside] = byte;
      else if (how === 1) bytes.splice(inside, 1);
      else bytes.splice(inside, 0, byte);
    }
    return Buffer.from(bytes);
  });

describe('issue 6: whatever comes through a door is logged, or refused with a reason', () => {
  test.each(doors)('$name', ({ door, valid, headers = { 'content-type': 'application/json' } }) => {
    judge(door, { headers, body: Buffer.from(JSON.stringify(valid)) });
    fc.assert(
      fc.property(
        fc.oneof(
          changed(valid).map((body) => Buffer.from(JSON.stringify(body))),
          mutated(valid),
        ),
        (body) => {
          judge(door, { headers, body, allowTraits: true });
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
