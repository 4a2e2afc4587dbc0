import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * The limit that ingest is held against: Node's own HTTP server, which reads the same bodies and only parses them. It
 * checks nothing and keeps nothing.
 */
export async function startBareServer(): Promise<{ port: number }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = (chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString();
      const body: unknown = JSON.parse(text);
      accept(response, Array.isArray(body) ? body.length : 1);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port };
}

function accept(response: ServerResponse, count: number): void {
  const answer = `{"accepted":${count},"rejected":[]}`;
  response.writeHead(202, { 'Content-Type': 'application/json', 'Content-Length': answer.length });
  response.end(answer);
}
