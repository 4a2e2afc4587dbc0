import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { LIMITS } from '@wayline/contracts';
import fc from 'fast-check';
import { changedJson } from './changed-json.ts';
import { type Damage, damage, damages } from './damage.ts';
import { HTTP_DOORS, type HttpDoor } from './http-doors.ts';
import { fillMarks, ID_MARK, type Marks } from './marks.ts';

/** What is sent to a door, but for the ids and the key. */
export interface HttpInput {
  door: string;
  path: string;
  headers: Record<string, string>;
  credential: HttpDoor['credential'] | 'bearer';
  /** With marks, before it is compressed. */
  body: Buffer;
  encoding: 'gzip' | 'deflate' | 'br' | 'identity' | undefined;
  /** To the compressed bytes. */
  damage: readonly Damage[];
}

/** A request, ready to be written. */
export interface HttpRequest {
  door: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer;
  /** How many messages it holds, if it is a batch of Segment's that can be read. */
  messages: number | undefined;
}

const encoding = fc.constantFrom(...new Array(12).fill(undefined), 'gzip', 'deflate', 'br', 'identity') as fc.Arbitrary<
  HttpInput['encoding']
>;
const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** Bodies with odd values, with damaged bytes, as they should be, and of another kind altogether. */
function bodyOf(valid: object): fc.Arbitrary<Buffer> {
  return fc.oneof(
    { weight: 5, arbitrary: changedJson(valid).map(bytesOf) },
    { weight: 5, arbitrary: damages().map((changes) => damage(bytesOf(valid), changes)) },
    { weight: 1, arbitrary: fc.constant(bytesOf(valid)) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }).map(bytesOf) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)) },
  );
}

const mediaType = fc.constantFrom('application/json', 'text/plain', 'application/x-ndjson', 'image/png', ';', '');

function atDoor(door: HttpDoor, time: string): fc.Arbitrary<HttpInput> {
  return fc
    .record({
      body: bodyOf(door.valid(time)),
      encoding,
      damage: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, damages(2)),
      other: fc.oneof({ weight: 20, arbitrary: fc.constant(undefined) }, mediaType),
    })
    .map(({ other, ...rest }) => ({
      ...rest,
      door: door.name,
      path: door.path,
      headers: other === undefined ? { ...door.headers } : { ...door.headers, 'content-type': other },
      credential: door.credential ?? 'bearer',
    }));
}

/** What may stand in a header: `writeHead` would refuse more than the wire does. */
const headerText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.replaceAll(/[\r\n\0]/g, '%')),
  fc.constantFrom('%', '%00', '%ff', '%ED%A0%80', '"', '1e9', 'x'.repeat(3000)),
);

function binaryCloudEvent(time: string): fc.Arbitrary<HttpInput> {
  const valid = {
    'ce-specversion': '1.0',
    'ce-id': ID_MARK,
    'ce-source': '/shop',
    'ce-type': 'click',
    'ce-time': time,
    'ce-sessionid': 's',
  };
  const name = fc.constantFrom(...Object.keys(valid), 'ce-__proto__', 'ce-', 'ce-mine', 'ce-page', 'ce-seq', 'ce-data');
  return fc
    .record({
      more: fc.dictionary(name, headerText, { maxKeys: 3 }),
      mediaType,
      body: fc.oneof(fc.constant(bytesOf({ a: 1 })), bodyOf({ page: '/a', context: { b: 1 } })),
      encoding,
    })
    .map(({ more, mediaType: type, ...rest }) => ({
      ...rest,
      door: 'CloudEvents, binary',
      path: '/v1/events',
      headers: { ...valid, ...more, 'content-type': type },
      credential: 'bearer' as const,
      damage: [],
    }));
}

function analytics(time: string): fc.Arbitrary<HttpInput> {
  const value = fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => encodeURIComponent(text.toWellFormed())),
    fc.constantFrom('click', 'impression', String(Date.parse(time)), '-1', '1e9', '9'.repeat(17), '%', '%ff', ''),
  );
  const good = { user: 'u', event: 'click', timestamp: String(Date.parse(time)) };
  return fc
    .dictionary(fc.constantFrom('user', 'event', 'timestamp', '__proto__', 'key'), value, { maxKeys: 3 })
    .map((query) => {
      const members = Object.entries({ ...good, ...query }).map(([name, text]) => `${name}=${text}`);
      return plain('/analytics', `/analytics?${members.join('&')}`);
    });
}

/** Sessions in the address, of all kinds. */
function sessionInPath(time: string): fc.Arbitrary<HttpInput> {
  const [event] = HTTP_DOORS as [HttpDoor];
  const id = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }).map((text) => encodeURIComponent(text.toWellFormed())),
    fc.constantFrom('%', '%ff', '%00', '%ED%A0%80', '..', '%2e%2e', '%2F', '__proto__', 'x'.repeat(257), ''),
  );
  return fc.tuple(id, fc.constantFrom('events', 'refresh', 'end', 'other')).map(([session, call]) => ({
    ...plain(`the session in the address, ${call}`, `/v1/sessions/${session}/${call}`),
    headers: { ...event.headers },
    body: call === 'events' ? bytesOf({ eventId: ID_MARK, type: 'x', occurredAt: time }) : bytesOf({}),
  }));
}

const plain = (door: string, path: string): HttpInput => ({
  door,
  path,
  headers: {},
  credential: 'bearer',
  body: Buffer.alloc(0),
  encoding: undefined,
  damage: [],
});

/** As many events as there may be, one more, and few bytes that inflate to more than there may be. */
function large(time: string): fc.Arbitrary<HttpInput> {
  const event = { eventId: ID_MARK, sessionId: 's', type: 'x', occurredAt: time };
  const list = (events: number) => bytesOf(new Array(events).fill(event));
  const inputs: HttpInput[] = [
    { ...plain('2500 events', '/v1/events'), body: list(LIMITS.eventsPerRequest) },
    { ...plain('2501 events', '/v1/events'), body: list(LIMITS.eventsPerRequest + 1) },
    { ...plain('too many bytes', '/v1/events'), body: Buffer.alloc(LIMITS.bodyBytes + 1, ' ') },
    { ...plain('too many bytes, compressed', '/v1/track'), body: Buffer.alloc(2 * LIMITS.bodyBytes), encoding: 'gzip' },
  ];
  return fc.constantFrom(...inputs.map((input) => ({ ...input, headers: { 'content-type': 'application/json' } })));
}

const USUAL = 100;

/** Inputs for the doors of HTTP; the time is one that is good for events. */
export const httpInput = (time: string): fc.Arbitrary<HttpInput> =>
  fc.oneof(
    ...HTTP_DOORS.map((door) => ({ weight: USUAL, arbitrary: atDoor(door, time) })),
    { weight: USUAL, arbitrary: binaryCloudEvent(time) },
    { weight: USUAL, arbitrary: analytics(time) },
    { weight: USUAL, arbitrary: sessionInPath(time) },
    { weight: 1, arbitrary: large(time) },
  );

const COMPRESS = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, identity: (bytes: Buffer) => bytes };

/** The input with its own id, and the key. */
export function requestOf(input: HttpInput, marks: Marks): HttpRequest {
  const { door, credential, encoding: coded } = input;
  const filled = fillMarks(input.body, marks);
  const body = coded ? damage(COMPRESS[coded](filled), input.damage) : filled;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(input.headers)) headers[name] = value.replaceAll(ID_MARK, marks.id);
  if (coded) headers['content-encoding'] = coded;
  if (credential === 'bearer') headers.authorization = `Bearer ${marks.writeKey}`;
  if (credential === 'basic') headers.authorization = `Basic ${Buffer.from(`${marks.writeKey}:`).toString('base64')}`;
  const path = credential === 'query' ? `${input.path}?key=${marks.writeKey}` : input.path;
  return { door, path, headers, body, messages: messagesIn(filled) };
}

function messagesIn(body: Buffer): number | undefined {
  try {
    const { batch } = JSON.parse(String(body)) as { batch?: unknown };
    return Array.isArray(batch) ? batch.length : undefined;
  } catch {
    return undefined;
  }
}
