import { once } from 'node:events';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { answerError, type ByteBudget, createByteBudget, readBody } from '../src/index.ts';

const MAX_HELD = 100_000;
/** Of a body of which only the beginning has come. */
const AHEAD = 64 * 1024;
const logger = { debug() {}, info() {}, error() {} };

let server: Server;
let budget: ByteBudget;
const lengths: number[] = [];
let clockMs: number;

beforeEach(async () => {
  clockMs = 0;
  budget = createByteBudget(MAX_HELD, { now: () => clockMs });
  lengths.length = 0;
  server = createServer((request, response) => {
    void readBody(request, { maxBytes: 90_000, budget }).then(
      ({ length }) => {
        lengths.push(length);
        budget.give(length);
        response.end();
      },
      (error: unknown) => answerError(error, request, { response, logger }),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function send(headers: Record<string, string | number>) {
  const { port } = server.address() as AddressInfo;
  const sending = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers });
  const status = once(sending, 'response').then(([{ statusCode }]) => statusCode as number);
  status.catch(() => undefined); // those that are cut off
  return { sending, status };
}

/** Resolves when so much is held, exactly. */
async function untilHeld(bytes: number): Promise<void> {
  const left = MAX_HELD - bytes;
  while (!budget.has(left) || budget.has(left + 1)) await new Promise(setImmediate);
}

test('O5: a body that is only announced holds nothing; with its first bytes it holds up to 64 KiB of it, until it is read', async () => {
  const first = send({ 'content-length': 80_000 });
  first.sending.flushHeaders();
  const other = send({ 'content-length': 60_000 });
  other.sending.end(Buffer.alloc(60_000));
  expect(await other.status).toBe(200);

  first.sending.write(Buffer.alloc(1));
  await untilHeld(AHEAD);
  const refused = send({ 'content-length': 60_000 });
  refused.sending.end(Buffer.alloc(60_000));
  expect(await refused.status).toBe(503);

  first.sending.end(Buffer.alloc(79_999));
  expect(await first.status).toBe(200);
  expect(lengths).toEqual([60_000, 80_000]);
  await untilHeld(0);
});

test('O5: who is slow to send what it holds room for gives that up to others that find none, and only then', async () => {
  const slow = send({ 'content-length': 80_000 });
  slow.sending.on('error', () => undefined);
  slow.sending.write(Buffer.alloc(1));
  await untilHeld(AHEAD);
  const other = async () => {
    const { sending, status } = send({ 'content-length': 60_000 });
    sending.end(Buffer.alloc(60_000));
    return status;
  };
  clockMs = 2_000;
  expect(await other()).toBe(503); // it may still be quick enough
  clockMs = 3_000;
  expect(await other()).toBe(200);
  expect(await slow.status).toBe(503);
  slow.sending.destroy();
  await untilHeld(0);
});

test('O5: who is slow keeps its room while nobody else wants it, and who is quick keeps it in any case', async () => {
  const slow = send({ 'content-length': 80_000 });
  slow.sending.write(Buffer.alloc(1));
  await untilHeld(AHEAD);
  clockMs = 25_000;
  slow.sending.end(Buffer.alloc(79_999));
  expect(await slow.status).toBe(200);

  const quick = send({ 'content-length': 80_000 });
  quick.sending.write(Buffer.alloc(79_000));
  await untilHeld(80_000);
  clockMs += 2_400;
  const other = send({ 'content-length': 60_000 });
  other.sending.end(Buffer.alloc(60_000));
  expect(await other.status).toBe(503);
  quick.sending.end(Buffer.alloc(1_000));
  expect(await quick.status).toBe(200);
});

test('O5: what is held for a body that is cut off is given back', async () => {
  const { sending } = send({ 'content-length': 80_000 });
  sending.on('error', () => undefined);
  sending.write(Buffer.alloc(10));
  await untilHeld(AHEAD);
  sending.destroy();
  await untilHeld(0);
});

test('O5: a compressed or chunked body holds what of it has come', async () => {
  const compressed = gzipSync(Buffer.alloc(70_000, 'x'));
  const inflated = send({ 'content-length': compressed.length, 'content-encoding': 'gzip' });
  inflated.sending.end(compressed);
  expect(await inflated.status).toBe(200);
  const chunked = send({ 'transfer-encoding': 'chunked' });
  chunked.sending.write(Buffer.alloc(30_000));
  await untilHeld(30_000);
  chunked.sending.end(Buffer.alloc(20_000));
  expect(await chunked.status).toBe(200);
  expect(lengths).toEqual([70_000, 50_000]);
  await untilHeld(0);
});
