import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type ByteBudget, bodyAtHand, createByteBudget } from '../src/index.ts';

const MAX_BYTES = 90_000;
const MAX_HELD = 100_000;

let server: Server;
let budget: ByteBudget;
let found: (string | undefined)[];
let ended: Promise<unknown>[];

async function look(request: IncomingMessage): Promise<string | undefined> {
  await Promise.resolve(); // as whoever asks who sent it
  return bodyAtHand(request, { maxBytes: MAX_BYTES, budget })?.toString();
}

beforeEach(async () => {
  budget = createByteBudget(MAX_HELD);
  found = [];
  ended = [];
  server = createServer((request, response) => {
    ended.push(once(request, 'end'));
    void look(request)
      .then(
        (body) => found.push(body),
        (error: Error) => found.push(error.message),
      )
      .then(() => response.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Resolves when the server has looked for so many bodies. */
async function send(bytes: Buffer | string, bodies = 1): Promise<void> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.resume().write(bytes);
  while (found.length < bodies) await new Promise(setImmediate);
  socket.destroy();
}

const post = (body: string | Buffer, header = `Content-Length: ${body.length}`) =>
  Buffer.concat([Buffer.from(`POST / HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n`), Buffer.from(body)]);
const held = () => Array.from({ length: 11 }, (_, i) => i * 10_000).findLast((bytes) => budget.has(bytes));

test('a body that came with its head is there at once, and counts as held', async () => {
  await send(post('x'.repeat(20_000)));
  expect(found).toEqual(['x'.repeat(20_000)]);
  expect(held()).toBe(MAX_HELD - 20_000);
});

test('requests that came one behind another each have their own, and are let go of', async () => {
  await send(Buffer.concat([post('one'), post('two'), post('three')]), 3);
  expect(found).toEqual(['one', 'two', 'three']);
  await Promise.all(ended);
});

test.each([
  { what: 'came in part', bytes: post('one', 'Content-Length: 4') },
  { what: 'is empty', bytes: post('') },
  {
    what: 'is compressed',
    bytes: post(gzipSync('x'), `Content-Encoding: gzip\r\nContent-Length: ${gzipSync('x').length}`),
  },
  { what: 'does not say its length', bytes: post('3\r\none\r\n0\r\n\r\n', 'Transfer-Encoding: chunked') },
])('a body that $what is not, and nothing is held for it', async ({ bytes }) => {
  await send(bytes);
  expect(found).toEqual([undefined]);
  expect(held()).toBe(MAX_HELD);
});

test('O5: without room it is refused, by one and the same error', async () => {
  budget.take(MAX_HELD - 10);
  await send(post('x'.repeat(11)));
  expect(found).toEqual([budget.full.message]);
  expect(budget.full).toMatchObject({ problem: { code: 'overloaded', status: 503 }, retryAfterSeconds: 1 });
});

test('what is over the size allowed is refused', async () => {
  await send(post('x', `Content-Length: ${MAX_BYTES + 1}`));
  expect(found).toEqual([expect.stringContaining('body_too_large')]);
});
