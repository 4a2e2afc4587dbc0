import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { dropBody } from '../src/index.ts';

let server: Server;
/** Bytes of bodies that Node handed over although they were dropped. */
let handedOver: number;
let bodies: string[];
/** The server's side of the last connection. */
let last: Socket | undefined;

/** `/drop` is refused with its head, `/late` when something of its body is there, all else is read. */
beforeEach(async () => {
  handedOver = 0;
  bodies = [];
  server = createServer(async (request, response) => {
    if (request.url === '/late') {
      await once(request, 'readable');
      request.read(10);
    }
    if (request.url === '/drop' || request.url === '/late') {
      const push = request.push.bind(request);
      request.push = (chunk: Buffer | null) => {
        handedOver += chunk?.length ?? 0;
        return push(chunk);
      };
      dropBody(request);
      response.writeHead(503, { 'Content-Length': 4 }).end('full');
      return;
    }
    bodies.push(await textOf(request));
    response.writeHead(200, { 'Content-Length': 4 }).end('read');
  }).listen(0, '127.0.0.1');
  server.on('connection', (socket) => {
    last = socket;
  });
  await once(server, 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

function open(): { socket: Socket; answers(count: number): Promise<string[]> } {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  const got = () => text.match(/\r\n\r\n(full|read)/g)?.map((answer) => answer.trim()) ?? [];
  return {
    socket,
    async answers(count) {
      while (got().length < count) await once(socket, 'data');
      return got();
    },
  };
}

const post = (path: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const chunked = (path: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n` +
  `${body.length.toString(16)}\r\n${body}\r\n0\r\nT: 1\r\n\r\n`;
const LONG = 'x'.repeat(300_000);

test.each([
  { name: 'small', dropped: post('/drop', 'x') },
  { name: 'longer than what is read at once', dropped: post('/drop', LONG) },
  { name: 'in chunks, with a trailer', dropped: chunked('/drop', LONG) },
  { name: 'without one', dropped: post('/drop', '') },
])('a body that is dropped is never handed over, and the connection takes the next: $name', async ({ dropped }) => {
  const { socket, answers } = open();
  socket.write(dropped);
  await answers(1);
  socket.write(post('/', 'after'));
  expect(await answers(2)).toEqual(['full', 'read']);
  expect(bodies).toEqual(['after']);
  expect(handedOver).toBe(0);
});

test('requests that come in one piece with one that is dropped are read', async () => {
  const { socket, answers } = open();
  socket.write(post('/', 'one') + post('/drop', 'two') + post('/drop', 'three') + post('/', 'four'));
  expect(await answers(4)).toEqual(['read', 'full', 'full', 'read']);
  expect(bodies).toEqual(['one', 'four']);
  expect(handedOver).toBe(0);
});

test('of a body that came in part before it is refused the rest is dropped, and the connection goes on', async () => {
  const { socket, answers } = open();
  const request = post('/late', LONG);
  socket.write(request.slice(0, 100_000));
  await answers(1);
  socket.write(request.slice(100_000) + post('/', 'after'));
  expect(await answers(2)).toEqual(['full', 'read']);
  expect(bodies).toEqual(['after']);
  expect(handedOver).toBeLessThan(LONG.length);
});

test('a connection that ends amid a body that is dropped leaves nothing to the next, which gets its parser', async () => {
  for (let round = 0; round < 5; round++) {
    const { socket, answers } = open();
    socket.write(post('/drop', LONG).slice(0, 100_000));
    await answers(1);
    const closed = new Promise((resolve) => last?.once('close', resolve));
    socket.destroy();
    await closed;
    const next = open();
    next.socket.write(post('/', `body ${round}`));
    expect(await next.answers(1)).toEqual(['read']);
    next.socket.destroy();
  }
  expect(bodies).toEqual([0, 1, 2, 3, 4].map((round) => `body ${round}`));
});
