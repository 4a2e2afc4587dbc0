import { once } from 'node:events';
import { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { ITEM_CODES, PROBLEM_CODES } from '@wayline/contracts';
import fc from 'fast-check';
import { type IngestSetup, type IngestUnderTest, startIngest, writeKey } from './ingest-under-test.ts';

const running: IngestUnderTest[] = [];
const start = async (setup?: IngestSetup) => {
  const ingest = await startIngest(setup);
  running.push(ingest);
  return ingest;
};
afterEach(async () => {
  await Promise.all(running.splice(0).map((ingest) => ingest.close()));
});

const event = { sessionId: 's-1', type: 'click' };
const head = (length: number, more = '') =>
  `POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${writeKey()}\r\n` +
  `Content-Type: application/json\r\nContent-Length: ${length}\r\n${more}\r\n`;

async function dial({ port }: IngestUnderTest): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}

async function allOf(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}

describe('T5, O5: the log does not take the events', () => {
  test('too much in flight: 503 overloaded, with Retry-After, and nothing is acknowledged', async () => {
    const { log } = await start({ maxBytesInFlight: 5000 });
    const ingest = await start({
      log: {
        ...log,
        id: log.id,
        append(topic, records) {
          void log.append('wayline.events', [{ key: 'before', value: Buffer.alloc(4900) }]).catch(() => {});
          return log.append(topic, records);
        },
        close: async () => {},
      },
    });
    const answer = await ingest.post('/v1/events', event);
    expect(answer).toMatchObject({ status: 503, body: { code: 'overloaded', retryable: true } });
    expect(answer.headers.get('retry-after')).toBe('1');
    for (const path of ['/v1/sessions', '/v1/sessions/s/refresh', '/v1/sessions/s/end', '/v1/sessions/s/events']) {
      const body = path.endsWith('events') ? { type: 'a' } : undefined;
      expect(await ingest.post(path, body)).toMatchObject({ status: 503, body: { code: 'overloaded' } });
    }
    expect((await ingest.records()).filter(({ key }) => String(key) !== 'before')).toEqual([]);
    expect(ingest.faults).toEqual([]);
  });

  test('more than the log will ever take: 413, and no client is told to try again', async () => {
    const ingest = await start({ maxBytesInFlight: 10 });
    for (const path of ['/v1/events', '/v1/sessions', '/v1/sessions/s/end', '/v1/sessions/s/events']) {
      const answer = await ingest.post(path, path.endsWith('events') ? { ...event, sessionId: 's' } : {});
      expect(answer).toMatchObject({ status: 413, body: { code: 'body_too_large', retryable: false } });
      expect(answer.headers.get('retry-after')).toBeNull();
    }
    expect([await ingest.logged(), ingest.faults]).toEqual([[], []]);
  });

  test('no log: 503 log_unavailable, with Retry-After', async () => {
    const ingest = await start();
    await ingest.log.close();
    const answer = await ingest.post('/v1/events', event);
    expect(answer).toMatchObject({ status: 503, body: { code: 'log_unavailable', retryable: true } });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(ingest.faults).toEqual([]);
  });
});

describe('slow, broken and many bodies', () => {
  test('receivedAt is when the head arrived, not the body', async () => {
    let clock = Date.UTC(2026, 0, 5, 12);
    let asked = () => {};
    const headArrived = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const ingest = await start({
      now: () => {
        asked();
        return clock;
      },
    });
    const socket = await dial(ingest);
    const body = JSON.stringify(event);
    socket.write(head(body.length, 'Connection: close\r\n') + body.slice(0, 5));
    await headArrived;
    clock += 60_000;
    socket.write(body.slice(5));
    expect(await allOf(socket)).toContain('202 Accepted');
    expect((await ingest.logged())[0]?.receivedAt).toBe(clock - 60_000);
  });

  test('a body that stalls is answered 408 when the server has waited long enough', async () => {
    const ingest = await start({ requestTimeoutMs: 200 });
    const socket = await dial(ingest);
    socket.write(`${head(100)}{"sess`);
    expect(await allOf(socket)).toContain('408 Request Timeout');
    expect(await ingest.post('/v1/events', event)).toMatchObject({ status: 202 });
    expect(ingest.faults).toEqual([]);
  });

  test('a body that says it is too large is refused before it is sent', async () => {
    const socket = await dial(await start());
    socket.write(head(8 * 1024 * 1024 + 1));
    const [answer] = await once(socket.setEncoding('utf8'), 'data');
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    socket.destroy();
  });

  test('a refusal in the midst of a body is read by the client, and its connection lives on', async () => {
    const ingest = await start();
    const socket = await dial(ingest);
    const noGzip = Buffer.alloc(8 * 1024 * 1024, 'x');
    const body = JSON.stringify(event);
    socket.write(head(noGzip.length, 'Content-Encoding: gzip\r\n'));
    socket.write(noGzip);
    socket.write(head(body.length, 'Connection: close\r\n') + body);
    const answers = await allOf(socket);
    expect(answers).toMatch(/^HTTP\/1.1 400 .*"invalid_encoding".*HTTP\/1.1 202 /s);
    expect(ingest.faults).toEqual([]);
  });

  test('bodies that are cut off do no harm, and give back what they held', async () => {
    const ingest = await start({ maxBodyBytesHeld: 100_000 });
    for (const [encoding, bytes] of [
      ['', Buffer.alloc(60_000, 0x20)],
      ['Content-Encoding: gzip\r\n', gzipSync(Buffer.alloc(60_000, 0x20))],
    ] as const) {
      for (let i = 0; i < 5; i++) {
        const socket = await dial(ingest);
        socket.write(head(bytes.length + 10, encoding));
        socket.write(bytes);
        socket.end();
        socket.resume();
        await once(socket, 'close');
      }
    }
    const padded = JSON.stringify(event).padEnd(90_000);
    expect(await ingest.post('/v1/events', padded)).toMatchObject({ status: 202 });
    expect(await ingest.logged()).toHaveLength(1);
    expect(ingest.faults).toEqual([]);
  });

  test('O5: more bytes of bodies than may be held: 503 with Retry-After, and room again afterwards', async () => {
    const ingest = await start({ maxBodyBytesHeld: 50_000 });
    const padded = JSON.stringify(event).padEnd(50_001);
    for (const [body, headers] of [
      [padded, {}],
      [gzipSync(padded), { 'content-encoding': 'gzip' }],
    ] as const) {
      const answer = await ingest.post('/v1/events', body, { headers });
      expect(answer).toMatchObject({ status: 503, body: { code: 'overloaded', retryable: true } });
      expect(answer.headers.get('retry-after')).toBe('1');
    }
    const refused = await ingest.post('/v1/events', 'x'.repeat(40_000));
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_json' } });
    for (let i = 0; i < 3; i++) {
      expect(await ingest.post('/v1/events', padded.slice(0, 50_000))).toMatchObject({ status: 202 });
    }
  });

  test('O5: refused for want of room, a client keeps its connection, and its next request is taken', async () => {
    const ingest = await start({ maxBodyBytesHeld: 1000 });
    const handedOver = jest.spyOn(IncomingMessage.prototype, 'push');
    const socket = await dial(ingest);
    const body = JSON.stringify(event);
    for (let i = 0; i < 3; i++) socket.write(head(200_000) + ' '.repeat(200_000));
    socket.write(head(body.length, 'Connection: close\r\n') + body);
    const answers = (await allOf(socket)).split(/(?=HTTP\/1\.1 )/);
    expect(answers.map((answer) => answer.slice(9, 12))).toEqual(['503', '503', '503', '202']);
    const refused = answers.slice(0, 3);
    expect(refused.every((answer) => /\r\nRetry-After: 1\r\n.*"code":"overloaded"/s.test(answer))).toBe(true);
    const ids = answers.map((answer) => /\r\nX-Request-Id: (\S+)\r\n/.exec(answer)?.[1]);
    expect(new Set(ids).size).toBe(4);
    expect(await ingest.logged()).toHaveLength(1);
    // What is refused with its head is read off the connection, but not copied for anybody.
    const bytes = handedOver.mock.calls.reduce((sum, [chunk]) => sum + (chunk?.length ?? 0), 0);
    expect(bytes).toBe(body.length);
    handedOver.mockRestore();
  });

  test('O5: what the log has not taken yet counts too, and then a body is refused unread', async () => {
    const { log } = await start();
    let letThrough = () => {};
    const slow = new Promise<void>((resolve) => {
      letThrough = resolve;
    });
    let appending = () => {};
    const inTheLog = new Promise<void>((resolve) => {
      appending = resolve;
    });
    const ingest = await start({
      maxBodyBytesHeld: 50_000,
      log: {
        ...log,
        id: log.id,
        async append(topic, records) {
          appending();
          await slow;
          return log.append(topic, records);
        },
        close: async () => {},
      },
    });
    const padded = JSON.stringify({ ...event, context: { padding: 'x'.repeat(30_000) } });
    const first = ingest.post('/v1/events', padded);
    await inTheLog;
    const socket = await dial(ingest);
    socket.write(head(30_000)); // and no body
    const [answer] = await once(socket.setEncoding('utf8'), 'data');
    expect(answer).toMatch(/^HTTP\/1.1 503 .*"overloaded"/s);
    socket.destroy();
    letThrough();
    expect((await first).status).toBe(202);
    expect((await ingest.post('/v1/events', padded)).status).toBe(202);
  });
});

describe('answers', () => {
  const documents = fc.oneof(
    fc.json(),
    fc.string(),
    fc.jsonValue().map((context) => JSON.stringify({ ...event, context })),
    fc.array(fc.jsonValue()).map((events) => JSON.stringify({ events })),
    fc
      .dictionary(
        fc.constantFrom('sessionId', 'type', 'seq', 'source', 'occurredAt', 'eventId', '__proto__'),
        fc.jsonValue(),
      )
      .map((members) => JSON.stringify([{ ...event, ...members }])),
    fc.uint8Array({ maxLength: 50 }),
  );
  const paths = fc.constantFrom(
    '/v1/events',
    '/v1/sessions',
    '/v1/sessions/a/events',
    '/v1/sessions/a/refresh',
    '/v1/sessions/a/end',
  );
  const types = fc.constantFrom('application/json', 'application/x-ndjson', 'text/plain', 'text/html');

  test('whatever the body is, it is never a fault of the server, and the answer has the form of the contract', async () => {
    const ingest = await start();
    await fc.assert(
      fc.asyncProperty(paths, documents, types, async (path, body, type) => {
        const answer = await ingest.post(path, body, { headers: { 'content-type': type } });
        expect([200, 201, 202, 400, 415, 422]).toContain(answer.status);
        if (answer.status < 400) return;
        expect(answer.headers.get('content-type')).toBe('application/problem+json');
        expect(PROBLEM_CODES).toHaveProperty(answer.body.code);
        for (const error of answer.body.errors ?? []) expect(ITEM_CODES).toHaveProperty(error.code);
      }),
      { numRuns: 500 },
    );
    expect(ingest.faults).toEqual([]);
  });

  test('a fault of our own is logged with the id of the request, and shows nothing of itself', async () => {
    const broken = await start();
    const append = () => Promise.reject(new Error('secret of the house at /srv/wayline/log.ts:1:1'));
    const ingest = await start({ log: { ...broken.log, id: 'x', append, close: async () => {} } as typeof broken.log });
    const answer = await ingest.post('/v1/events', event, { headers: { 'x-request-id': 'req-1' } });
    expect(answer).toMatchObject({
      status: 500,
      body: { code: 'internal', retryable: true, detail: 'Something failed on our side; it was logged as req-1.' },
    });
    expect(JSON.stringify(answer.body)).not.toMatch(/secret|\.ts|\bat \//);
    expect(ingest.faults).toEqual([
      expect.objectContaining({
        requestId: 'req-1',
        err: expect.objectContaining({ message: expect.stringContaining('secret') }),
      }),
    ]);
  });
});
