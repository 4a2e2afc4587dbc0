import { randomUUID } from 'node:crypto';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type IngestUnderTest, startIngest, writeKey } from './ingest-under-test.ts';
import { event, loggedOf } from './own-session.ts';

let ingest: IngestUnderTest;
beforeAll(async () => {
  ingest = await startIngest();
});
afterAll(async () => {
  await ingest.close();
});

const MIB = 1024 * 1024;
const inLog = (sessionId: string) => loggedOf(ingest, sessionId);

describe('compressed bodies', () => {
  test.each([
    ['gzip', gzipSync],
    ['GZIP', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ])('%s', async (encoding, compress) => {
    const one = event();
    const answer = await ingest.post('/v1/events', compress(JSON.stringify(one)), {
      headers: { 'content-encoding': encoding },
    });
    expect(answer.status).toBe(202);
    expect((await inLog(one.sessionId)).map(({ event }) => event)).toEqual([one]);
  });

  const text = Buffer.from(JSON.stringify([event(), event()]));
  test.each([
    ['bytes that are none', 'gzip', text],
    ['a gzip body that was cut off', 'gzip', gzipSync(text).subarray(0, 60)],
    [
      'a gzip body with a wrong checksum',
      'gzip',
      gzipSync(text).map((byte, at, all) => (at < all.length - 8 ? byte : 1)),
    ],
    ['bytes that are none', 'br', text],
    ['bytes that are none', 'deflate', text],
    ['no bytes at all', 'gzip', Buffer.alloc(0)],
  ])('%s, as %s: 400', async (_, encoding, body) => {
    const answer = await ingest.post('/v1/events', body, { headers: { 'content-encoding': encoding } });
    expect(answer).toMatchObject({ status: 400, body: { code: expect.stringMatching(/invalid_(encoding|json)/) } });
  });

  test.each(['zstd', 'compress', 'gzip, gzip'])('the encoding %s: 415', async (encoding) => {
    const answer = await ingest.post('/v1/events', text, { headers: { 'content-encoding': encoding } });
    expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
  });
});

describe('O5: sizes', () => {
  test('T3: 2500 events are accepted, 2501 are refused', async () => {
    const sessionId = `s-${randomUUID()}`;
    const events = Array.from({ length: 2501 }, (_, seq) => event({ sessionId, seq }));
    expect(await ingest.post('/v1/events', events)).toMatchObject({ status: 413, body: { code: 'too_many_events' } });
    expect(await inLog(sessionId)).toEqual([]);
    expect(await ingest.post('/v1/events', events.slice(1))).toMatchObject({ status: 202, body: { accepted: 2500 } });
    expect((await inLog(sessionId)).map(({ event }) => event.seq)).toEqual(
      Array.from({ length: 2500 }, (_, i) => i + 1),
    );
  });

  const padded = (bytes: number) => JSON.stringify(event()).padEnd(bytes, ' ');
  const chunked = (text: string) => new Blob([text]).stream();

  test('8 MiB are read, one byte more is refused', async () => {
    expect(await ingest.post('/v1/events', padded(8 * MIB))).toMatchObject({ status: 202 });
    const refusal = { status: 413, body: { code: 'body_too_large', retryable: false } };
    expect(await ingest.post('/v1/events', padded(8 * MIB + 1))).toMatchObject(refusal);
  });

  test('8 MiB and a byte without a Content-Length are refused too, and the connection lives on', async () => {
    const response = await fetch(`${ingest.url}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${writeKey()}`, 'content-type': 'application/json' },
      body: chunked(padded(8 * MIB + 1)),
      duplex: 'half',
    } as RequestInit);
    expect(response.status).toBe(413);
    await response.text();
    expect(await ingest.post('/v1/events', event())).toMatchObject({ status: 202 });
  });

  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
  ])('as %s, the inflated size counts: 8 MiB are read, one byte more is refused', async (encoding, compress) => {
    const headers = { 'content-encoding': encoding };
    expect(await ingest.post('/v1/events', compress(padded(8 * MIB)), { headers })).toMatchObject({ status: 202 });
    expect(await ingest.post('/v1/events', compress(padded(8 * MIB + 1)), { headers })).toMatchObject({
      status: 413,
      body: { code: 'body_too_large' },
    });
  });

  test('a gzip bomb of 512 MiB is refused after 8 MiB, and never takes more memory', async () => {
    const bomb = Buffer.concat(Array(8).fill(gzipSync(Buffer.alloc(64 * MIB, 0x20))));
    const held = () => process.memoryUsage().arrayBuffers;
    const before = held();
    let most = before;
    const watch = setInterval(() => {
      most = Math.max(most, held());
    }, 1);
    const answer = await ingest.post('/v1/events', bomb, { headers: { 'content-encoding': 'gzip' } });
    clearInterval(watch);
    expect(answer).toMatchObject({ status: 413, body: { code: 'body_too_large' } });
    expect(Math.max(most, held()) - before).toBeLessThan(64 * MIB);
  });
});

test('none of all this was a fault of the server', () => {
  expect(ingest.faults).toEqual([]);
});
