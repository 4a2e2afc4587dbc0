import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { sendJson, sendText } from '../src/index.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** What comes back for some requests, written at once, and in how many pieces the server handed it to its connection. */
async function exchange(listener: RequestListener, requests: string): Promise<{ text: string; pieces: number }> {
  let pieces = 0;
  const server = createServer(listener).on('connection', (socket) => {
    const write = socket.write;
    socket.write = (...given: unknown[]) => {
      pieces++;
      return write.apply(socket, given as Parameters<typeof write>);
    };
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').setEncoding('utf8');
  let text = '';
  socket.on('data', (part) => {
    text += part;
  });
  socket.write(requests);
  await new Promise((resolve) => socket.once('end', resolve));
  return { text: text.replace(/Date: .*\r\n/g, ''), pieces };
}

const get = (path: string, { method = 'GET', last = true } = {}) =>
  `${method} ${path} HTTP/1.1\r\nHost: test\r\n${last ? 'Connection: close\r\n' : ''}\r\n`;

const answer = (body: string, { bytes = body.length, connection = 'close', status = '200 OK' } = {}) =>
  `HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\nContent-Length: ${bytes}\r\nConnection: ${connection}\r\n\r\n${body}`;

const send = (response: ServerResponse, text: string, status = 200) =>
  sendText(response, status, text, ['Content-Type', 'text/plain']);

describe('an answer that is sent as it is', () => {
  test('goes to the connection in one piece with its head', async () => {
    const found = await exchange((_request, response) => send(response, 'all of it'), get('/'));
    expect(found).toEqual({ text: answer('all of it'), pieces: 1 });
  });

  test('has its length in bytes, where it is not ASCII', async () => {
    const { text } = await exchange((_request, response) => send(response, 'ein schöner Gruß'), get('/'));
    expect(text).toBe(answer('ein schöner Gruß', { bytes: 18 }));
  });

  test.each(['', 'x'.repeat(300_000)])('is whole, whatever its length', async (body) => {
    const { text } = await exchange((_request, response) => send(response, body), get('/'));
    expect(text).toBe(answer(body));
  });

  test('has no body where none may be', async () => {
    const asked = await exchange((_request, response) => send(response, 'unseen'), get('/', { method: 'HEAD' }));
    expect(asked.text).toBe(answer('', { bytes: 6 }));
    const unchanged = await exchange((_request, response) => send(response, 'unseen', 304), get('/'));
    expect(unchanged.text).toBe(answer('', { bytes: 6, status: '304 Not Modified' }));
  });

  test('keeps the order of the requests, where the second is ready first', async () => {
    let first: ServerResponse | undefined;
    const { text } = await exchange(
      ({ url }, response) => {
        if (url === '/first') first = response;
        else send(response, 'the second');
        if (url === '/second' && first) send(first, 'the first');
      },
      get('/first', { last: false }) + get('/second'),
    );
    const kept = answer('the first', { connection: 'keep-alive\r\nKeep-Alive: timeout=5' });
    expect(text).toBe(kept + answer('the second'));
  });

  test('is given to whoever stands in the place of `end`', async () => {
    const seen: unknown[] = [];
    const { text } = await exchange((_request, response) => {
      const end = response.end;
      response.end = ((body: string) => {
        seen.push(body);
        return end.call(response, body, 'utf8');
      }) as typeof end;
      send(response, 'seen');
    }, get('/'));
    expect(seen).toEqual(['seen']);
    expect(text).toBe(answer('seen'));
  });

  test('is given to `end` in a Node that is made otherwise', async () => {
    const found = await exchange((_request, response) => {
      Object.assign(response, { _hasBody: 'as another Node may have it' });
      send(response, 'all of it');
    }, get('/'));
    expect(found).toEqual({ text: answer('all of it'), pieces: 2 });
  });

  test('tells when it is done', async () => {
    const done: string[] = [];
    await exchange((_request, response) => {
      response.on('finish', () => done.push('finish'));
      sendJson(response, 200, { done: true });
    }, get('/'));
    expect(done).toEqual(['finish']);
  });
});
