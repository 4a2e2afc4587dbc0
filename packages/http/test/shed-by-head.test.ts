import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, test } from '@jest/globals';
import { ProblemError } from '@wayline/contracts';
import { shedByHead } from '../src/shed-by-head.ts';

const error = new ProblemError('overloaded', 'Too much comes.', { retryAfterSeconds: 1 });

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
