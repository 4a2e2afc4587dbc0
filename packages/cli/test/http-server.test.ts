import { once } from 'node:events';
import { Agent, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type HttpServer, type HttpServerOptions, startHttpServer } from '../src/serving/http-server.ts';

const servers: HttpServer[] = [];
const agent = new Agent({ keepAlive: true });

async function start(
  listener: (request: IncomingMessage, response: ServerResponse) => void,
  options: Partial<HttpServerOptions> = {},
): Promise<HttpServer> {
  const server = await startHttpServer({ host: '127.0.0.1', port: 0, listener, ...options });
  servers.push(server);
  return server;
}

async function fetchText(url: string): Promise<{ text: string }> {
  const [response] = (await once(get(url, { agent }), 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += chunk;
  return { text };
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve = (_value: T): void => undefined;
  const promise = new Promise<T>((given) => {
    resolve = given;
  });
  return { promise, resolve };
}

afterEach(async () => {
  agent.destroy();
  await Promise.all(servers.splice(0).map((server) => server.drain(0)));
});

describe('the HTTP server', () => {
  test('says in one sentence that a port is taken', async () => {
    const { url } = await start(() => undefined);
    const port = Number(new URL(url).port);
    await expect(startHttpServer({ host: '127.0.0.1', port, listener: () => undefined })).rejects.toThrow(
      `Port ${port} of 127.0.0.1 is taken by another program; stop that, or set PORT to another (0 is any free one).`,
    );
  });

  test('says in one sentence that HOST is no address of the machine', async () => {
    const wrong = startHttpServer({ host: '192.0.2.1', port: 0, listener: () => undefined });
    await expect(wrong).rejects.toThrow('HOST 192.0.2.1 is not an address of this machine.');
  });

  test('O8: finishes the request in hand, takes no new one, and closes its kept connection at once', async () => {
    const inHand = withResolvers<ServerResponse>();
    const server = await start((_request, response) => inHand.resolve(response));
    const answer = fetchText(server.url);
    const response = await inHand.promise;

    const began = performance.now();
    const drained = server.drain(10_000);
    await expect(fetchText(server.url)).rejects.toThrow(/ECONNREFUSED/);
    response.end('done');
    expect((await answer).text).toBe('done');
    await drained;
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  test('O8: tells a client that goes on sending over its connection to close it', async () => {
    const responses: ServerResponse[] = [];
    const second = withResolvers<void>();
    const server = await start((_request, response) => {
      if (responses.push(response) === 2) second.resolve();
    });
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: wayline\r\n\r\n`;
    socket.write(request('/first'));
    while (responses.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const drained = server.drain(10_000);
    socket.write(request('/second'));
    await second.promise;
    for (const response of responses) response.end();
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text.match(/^Connection: .*$/gm)).toEqual(['Connection: keep-alive', 'Connection: close']);
    await drained;
  });

  test('O8: cuts off what is not done within the bound', async () => {
    const inHand = withResolvers<ServerResponse>();
    const server = await start((_request, response) => inHand.resolve(response));
    const answer = fetchText(server.url).catch((error: Error) => error.message);
    await inHand.promise;
    await server.drain(50);
    expect(await answer).toMatch(/hang up|ECONNRESET/);
  });

  test('answers what is no HTTP with a problem document', async () => {
    const server = await start(() => undefined);
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1').end('nonsense\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('Content-Type: application/problem+json');
    expect(JSON.parse(text.slice(text.indexOf('{')))).toMatchObject({ status: 400, code: 'invalid_request' });
  });

  test('O5: who connects when too many are connected is told so at once, and is let in when one has left', async () => {
    const { url } = await start((_request, response) => response.end('served'), { maxConnections: 2 });
    const port = Number(new URL(url).port);
    const first = await connected(port);
    await connected(port);
    const third = await connected(port);
    const refusal = await textOf(third);
    expect(refusal).toMatch(/^HTTP\/1.1 503 [\s\S]*Retry-After: 1\r\n/);
    expect(JSON.parse(refusal.split('\r\n\r\n')[1] ?? '')).toMatchObject({ code: 'overloaded', retryable: true });
    first.end();
    await once(first, 'close');
    expect((await fetchText(url)).text).toBe('served');
  });

  test('O5: clients that trickle their heads and bodies are cut off with 408, and hold nobody up', async () => {
    const { url } = await start((request, response) => void request.resume().on('end', () => response.end('served')), {
      headTimeoutMs: 400,
      requestTimeoutMs: 800,
    });
    const port = Number(new URL(url).port);
    const slow = await Promise.all(Array.from({ length: 200 }, () => connected(port)));
    const trickles = slow.map((socket, i) => {
      socket.write(
        i % 2 ? 'POST / HTTP/1.1\r\nHost: a\r\n' : 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n',
      );
      const trickle = setInterval(() => socket.writable && socket.write(i % 2 ? 'X-A: b\r\n' : 'x'), 50);
      return textOf(socket).finally(() => clearInterval(trickle));
    });
    const answers = Promise.all(trickles);
    let served = 0;
    let over = false;
    void answers.then(() => {
      over = true;
    });
    while (!over) {
      expect((await fetchText(url)).text).toBe('served');
      if (!over) served++;
    }
    expect(served).toBeGreaterThan(0);
    for (const answer of await answers) expect(answer).toMatch(/^HTTP\/1.1 408 /);
  });

  test.each([
    { what: 'half a head', begin: 'GET /', status: 408 },
    { what: 'half a body', begin: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n', status: 408 },
    { what: 'no HTTP', begin: 'nonsense\r\n\r\n', status: 400 },
  ])(
    'O5: who was told off for $what, and goes on sending, keeps its place for some seconds only',
    async (about) => {
      const listener = (request: IncomingMessage, response: ServerResponse) =>
        void request.resume().on('end', () => response.end('served'));
      const { url } = await start(listener, { maxConnections: 1, headTimeoutMs: 300, requestTimeoutMs: 600 });
      const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => undefined);
      const answer = textOf(socket);
      socket.write(about.begin);
      const trickle = setInterval(() => socket.writable && socket.write('x'), 100);
      await once(socket, 'end'); // it has the last word, and does not close its side
      while ((await fetchText(url)).text !== 'served') await new Promise((resolve) => setTimeout(resolve, 50));
      clearInterval(trickle);
      socket.destroy();
      expect(await answer).toMatch(new RegExp(`^HTTP/1.1 ${about.status} `));
    },
    20_000,
  );
});

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** All that a socket brings until its end. */
async function textOf(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

test('a request without Host is refused with a problem document, and the connection ends', async () => {
  const { url } = await start((_request, response) => void response.end('served'));
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write('GET /livez HTTP/1.1\r\n\r\n');
  let text = '';
  for await (const chunk of socket) text += chunk;
  expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(text).toContain('Content-Type: application/problem+json');
  expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n')))).toMatchObject({ code: 'invalid_request', status: 400 });
});

describe('a client that asks before it sends its body', () => {
  const asking = 'POST / HTTP/1.1\r\nHost: wayline\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n';

  test('is told to go on, and its connection is kept', async () => {
    const server = await start(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      response.end(text);
    });
    const socket = await connected(Number(new URL(server.url).port));
    socket.write(asking);
    const [first] = await once(socket, 'data');
    expect(String(first)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    socket.write('body');
    const [second] = await once(socket, 'data');
    expect(String(second)).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*\r\nConnection: keep-alive\r\n[\s\S]*body/);
    socket.destroy();
  });

  test('need not send it where its head is answered, and the connection ends', async () => {
    const server = await start((_request, response) => response.writeHead(503, { 'Content-Length': 4 }).end('full'));
    const socket = await connected(Number(new URL(server.url).port));
    socket.write(asking);
    const text = await textOf(socket);
    expect(text).toMatch(/^HTTP\/1.1 503 Service Unavailable\r\n[\s\S]*\r\nConnection: close\r\n[\s\S]*full$/);
  });
});
