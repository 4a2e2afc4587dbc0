import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, test } from '@jest/globals';
import { ProblemError } from '@wayline/contracts';
import { shedByHead } from '../src/shed-by-head.ts';

const error = new ProblemError('overloaded', 'Too much comes.', { retryAfterSeconds: 1 });

/** A server that refuses so, by the head or later, and answers the path; what the client got until it matches. */
async function exchange(
  refuses: (url: string) => boolean,
  { text, until }: { text: string; until: RegExp },
): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(refuses(request.url as string) ? 503 : 200).end(request.url);
  });
  const refusalOf = ({ url }: { url: string }) => (refuses(url) ? { error, requestId: url } : undefined);
  shedByHead(server, { armed: () => true, refusalOf });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  try {
    client.write(text);
    let answers = '';
    for await (const chunk of client) {
      answers += chunk;
      if (until.test(answers)) break;
    }
    return answers;
  } finally {
    client.destroy();
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }
}

const post = (url: string) => `POST ${url} HTTP/1.1\r\nHost: wayline\r\nContent-Length: 2\r\n\r\n{}`;

test('what comes behind a refused request, in one piece, is answered behind it', async () => {
  const text = post('/refused') + post('/taken') + post('/refused') + post('/refused') + post('/last');
  const answers = await exchange((url) => url === '/refused', { text, until: /\/last$/ });
  expect(answers.match(/(?<=HTTP\/1.1 )\d+/g)).toEqual(['503', '200', '503', '503', '200']);
});

test('a connection over which nothing came but what was refused is closed when it has been idle too long', async () => {
  let made = 0;
  const server = createServer({ keepAliveTimeout: 100 }, (_request, response) => {
    made++;
    response.end();
  });
  shedByHead(server, { armed: () => true, refusalOf: () => ({ error, requestId: 'one' }) });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  try {
    const ended = once(client, 'end');
    client.write('POST / HTTP/1.1\r\nHost: wayline\r\nContent-Length: 2\r\n\r\n{}');
    const [answer] = await once(client, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1.1 503 /);
    await ended;
    expect(made).toBe(0);
  } finally {
    client.destroy();
    server.close();
    await once(server, 'close');
  }
});
