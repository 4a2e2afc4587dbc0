import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LoggedEventScanner, readLoggedEvent, readRecordValue, SCANNED } from '../src/index.ts';

const scanner = new LoggedEventScanner();
const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

const EVENT_ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const EVENT = {
  eventId: EVENT_ID,
  sessionId: 's-1',
  type: 'click',
  occurredAt: '2026-11-20T12:00:00.123Z',
  userId: 'u-1',
  source: { kind: 'app', name: 'shop', version: '1' },
  value: 12.5,
  seq: 3,
  context: { locale: 'de', depth: [1, { a: null, b: true }] },
};
const ENVELOPE = { project: 4, receivedAt: 1_790_000_000_000, event: EVENT };

const TEXTS = [
  'sessionId',
  'type',
  'namespace',
  'userId',
  'anonymousId',
  'machineId',
  'platform',
  'target',
  'page',
  'referrer',
  'userAgent',
] as const;

function textOf(bytes: Uint8Array, field: number): string | undefined {
  const end = scanner.ends[field] as number;
  return end === 0 ? undefined : decoder.decode(bytes.subarray(scanner.starts[field] as number, end));
}

/** Whether the scanner takes a record. Where it does, the full reader must take it too, and read the same. */
function agrees(bytes: Uint8Array): boolean {
  // Among others, so that a place outside of the record is seen.
  const framed = new Uint8Array(bytes.length + 40).fill(0x22);
  framed.set(bytes, 17);
  if (!scanner.scan(framed, 17, 17 + bytes.length)) return false;
  const value = readRecordValue(bytes);
  if (!('json' in value)) throw new Error('the full reader refuses the value');
  const read = readLoggedEvent(value.json, value.escaped);
  if ('refused' in read) throw new Error(`the full reader refuses the record: ${read.refused.detail}`);
  const { event } = read;
  expect([scanner.project, scanner.receivedMs, scanner.skewMs]).toEqual([
    read.projectId,
    read.receivedMs,
    read.skewMs + 0,
  ]);
  expect(scanner.value).toBe(event.value);
  expect(scanner.seq).toBe(event.seq);
  const { occurredAt } = event;
  expect(scanner.occurredMs).toBe(occurredAt === undefined ? Number.NaN : Date.parse(occurredAt as string));
  const id = Array.from(scanner.eventId, (part) => (part >>> 0).toString(16).padStart(8, '0')).join('');
  expect(id).toBe(event.eventId.toLowerCase().replaceAll('-', ''));
  for (const name of TEXTS) {
    // What a column cannot hold is kept elsewhere by the full reader: the table of the writer looks at a platform again.
    if (name === 'platform' && event.platform === undefined) continue;
    expect(textOf(framed, SCANNED[name])).toBe(event[name]);
  }
  const source = textOf(framed, SCANNED.source);
  if (event.source) expect(JSON.parse(source as string)).toEqual(event.source);
  const context = textOf(framed, SCANNED.context);
  const { _unknown, ...known } = event.context ?? {};
  if (!_unknown) expect(context).toBe(event.context && JSON.stringify(event.context));
  else expect(context === undefined ? {} : JSON.parse(context)).toEqual(known);
  return true;
}

const takes = (value: unknown): boolean =>
  agrees(encoder.encode(typeof value === 'string' ? value : JSON.stringify(value)));

test('records as ingest writes them are taken, in whatever order their fields stand', () => {
  expect(takes(ENVELOPE)).toBe(true);
  expect(takes({ project: 4, receivedAt: 1, skew: -7_200_000, event: EVENT })).toBe(true);
  const { eventId, ...others } = EVENT;
  const { context, ...rest } = others;
  expect(takes({ ...ENVELOPE, event: { context, ...rest, eventId } })).toBe(true);
  expect(takes({ ...ENVELOPE, event: { eventId, sessionId: 'größer 🚲', type: 't' } })).toBe(true);
});

test('records in the frame of a schema registry are taken, and no frame alone', () => {
  const frame = Buffer.from([0, 0, 0, 1, 2]);
  expect(agrees(Buffer.concat([frame, Buffer.from(JSON.stringify(ENVELOPE))]))).toBe(true);
  for (let length = 0; length <= 5; length++) expect(scanner.scan(frame, 0, length)).toBe(false);
  expect(agrees(Buffer.concat([frame, frame, Buffer.from(JSON.stringify(ENVELOPE))]))).toBe(false);
});

const TEXT = JSON.stringify(ENVELOPE);
const CONTEXT = JSON.stringify(EVENT.context);
const withContext = (context: string): string => TEXT.replace(CONTEXT, () => context);

test.each([
  { what: 'blanks', text: TEXT.replace(',', ' ,') },
  { what: 'more behind it', text: `${TEXT} ` },
  { what: 'nothing of it', text: '' },
  { what: 'an unknown field', text: TEXT.replace('"seq"', '"sequence"') },
  { what: 'an unknown field of a known length', text: TEXT.replace('"seq"', '"sem"') },
  { what: 'a field twice', text: TEXT.replace('"seq":3', '"seq":3,"seq":4') },
  { what: 'an escape', text: TEXT.replace('s-1', '\\u0073-1') },
  { what: 'NUL as an escape', text: TEXT.replace('s-1', '\\u0000') },
  { what: 'a control', text: TEXT.replace('s-1', '\u0001') },
  { what: 'another form of a time', text: TEXT.replace('.123Z', 'Z') },
  { what: 'a time that is none', text: TEXT.replace('2026-11-20', '2026-02-30') },
  { what: 'a time as a number', text: TEXT.replace(/"2026[^"]*"/, '1790000000000') },
  { what: 'an id that is none', text: TEXT.replace(EVENT_ID, EVENT_ID.replace('0', 'g')) },
  { what: 'a hyphen in the place of a digit', text: TEXT.replace(EVENT_ID, EVENT_ID.replace('0', '-')) },
  { what: 'a number with an exponent', text: TEXT.replace('12.5', '1e2') },
  { what: 'a number of very many digits', text: TEXT.replace('12.5', '1.23456789012345678901234567') },
  { what: 'a number that is none', text: TEXT.replace('12.5', '012') },
  { what: 'a sequence with a sign', text: TEXT.replace('"seq":3', '"seq":-3') },
  { what: 'a sequence that is not whole', text: TEXT.replace('"seq":3', '"seq":3.5') },
  { what: 'project 0', text: TEXT.replace('"project":4', '"project":0') },
  { what: 'a project beyond its column', text: TEXT.replace('"project":4', '"project":4294967300') },
  { what: 'no session', text: TEXT.replace('"sessionId":"s-1",', '') },
  { what: 'a text where there is to be an object', text: TEXT.replace(CONTEXT, '"{}"') },
  { what: 'a context with a name twice', text: withContext('{"a":1,"b":2,"a":3}') },
  { what: 'a context with names that are numbers', text: withContext('{"b":1,"1":2}') },
  { what: 'a context with -0', text: withContext('{"a":-0}') },
  { what: 'a context with a number that is written shorter', text: withContext('{"a":1.50}') },
  { what: 'a context with a number that is written with an exponent', text: withContext('{"a":0.0000001}') },
  { what: 'a context with a number that is no double', text: withContext('{"a":1.23456789012345678}') },
  { what: 'a context with an escape that is not written', text: withContext('{"a":"\\/"}') },
  { what: 'a context with half a surrogate pair', text: withContext('{"a":"\\ud800"}') },
  { what: 'a context that ends too early', text: withContext('{"a":[1,2}') },
  { what: 'a context of 40 levels', text: withContext(`{"a":${'['.repeat(40)}${']'.repeat(40)}}`) },
])('it leaves $what to the full reader', ({ text }) => {
  expect(takes(text)).toBe(false);
});

test('a context keeps its bytes, with what is escaped as it is always escaped', () => {
  expect(
    takes({ ...ENVELOPE, event: { ...EVENT, context: { 'a"\\\n': 'x"\\\b\f\n\r\t', n: [0, -1.5, 123456789012345] } } }),
  ).toBe(true);
  expect(takes(withContext('{"a":0.1234567890123456,"__proto__":{"b":[]}}'))).toBe(true);
});

const INVALID_UTF8 = [
  [0x80],
  [0xc0, 0xaf],
  [0xc1, 0xbf],
  [0xe0, 0x80, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xf0, 0x80, 0x80, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf5, 0x80, 0x80, 0x80],
  [0xff],
  [0xe2, 0x82],
  [0xf0, 0x9f, 0x9a],
].map((bytes) => ({ name: Buffer.from(bytes).toString('hex'), bytes }));

test.each(INVALID_UTF8)('bytes that are no UTF-8 are left to the full reader: $name', ({ bytes }) => {
  for (const place of ['s-1', 'de']) {
    const [before, behind] = TEXT.split(place) as [string, string];
    expect(agrees(Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(behind)]))).toBe(false);
  }
});

const word = fc.string({ unit: 'grapheme-ascii', minLength: 1 }).map((text) => text.replaceAll(/["\\\\]/g, '_'));
const text = fc.oneof(
  { arbitrary: word, weight: 40 },
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '"', '\\', '\u0000', '\ud800', 'é', '🚲'),
);
const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.float({ noNaN: true }),
  fc.constantFrom(0, -0, 1e21, 1e-7, 0.1, 123456789.125, 2 ** 53, -1),
);
const natural = fc.oneof({ arbitrary: fc.integer({ min: 1 }), weight: 30 }, number);
const time = fc.oneof(
  fc
    .date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    .map((date) => date.toISOString()),
  fc.constantFrom(
    '2026-12-31T23:59:60.000Z',
    '2026-02-29T00:00:00.000Z',
    '2024-02-29T00:00:00.000Z',
    '2026-13-01T00:00:00.000Z',
  ),
);
const event = fc.record(
  {
    eventId: fc.oneof(
      fc.uuid(),
      fc.uuid().map((id) => id.toUpperCase()),
    ),
    sessionId: text,
    type: text,
    namespace: text,
    occurredAt: time,
    userId: text,
    anonymousId: text,
    machineId: text,
    platform: fc.constantFrom('web', 'server', 'toaster'),
    source: fc.record(
      { kind: fc.constantFrom('app', 'microservice', 'x'), name: text, version: text, other: text },
      { requiredKeys: ['kind', 'name'] },
    ),
    target: text,
    page: text,
    referrer: text,
    userAgent: text,
    value: number,
    seq: natural,
    context: fc.dictionary(text, fc.oneof({ arbitrary: text, weight: 5 }, number, fc.jsonValue()), { maxKeys: 4 }),
  },
  { requiredKeys: ['eventId', 'sessionId', 'type'] },
);
const envelope = fc.record({ project: natural, receivedAt: natural, event });

test('what is taken is read as the full reader reads it: generated records', () => {
  let taken = 0;
  fc.assert(
    fc.property(envelope, fc.option(fc.integer()), ({ project, receivedAt, event }, skew) => {
      const written = JSON.stringify({ project, receivedAt, ...(skew !== null && { skew }), event });
      if (agrees(encoder.encode(written))) taken++;
    }),
    { numRuns: 4000 },
  );
  expect(taken).toBeGreaterThan(200);
});

/** Bytes that mean something to a reader of JSON, or to one of UTF-8. */
const STRUCTURE = [
  ...Buffer.from('"\\{}[],:0123456789.-+eEtfnu TZ/'),
  0,
  0x1f,
  0x7f,
  0x80,
  0xbf,
  0xc3,
  0xa9,
  0xed,
  0xf0,
  0xff,
];

test('what is taken is read as the full reader reads it: records with some bytes changed, cut out, or doubled', () => {
  const base = JSON.stringify({ ...ENVELOPE, skew: undefined, event: { ...EVENT, page: 'größe', userAgent: '🚲' } });
  const bytes = encoder.encode(base);
  const change = fc.record({
    at: fc.nat(bytes.length - 1),
    cut: fc.nat(4),
    put: fc.array(fc.constantFrom(...STRUCTURE), { maxLength: 4 }),
    copy: fc.nat(12),
  });
  let taken = 0;
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      let mutated = Buffer.from(bytes);
      for (const { at, cut, put, copy } of changes) {
        const place = Math.min(at, mutated.length);
        mutated = Buffer.concat([mutated.subarray(0, place + copy), Buffer.from(put), mutated.subarray(place + cut)]);
      }
      if (agrees(mutated)) taken++;
    }),
    { numRuns: 20_000 },
  );
  expect(taken).toBeGreaterThan(100);
});
