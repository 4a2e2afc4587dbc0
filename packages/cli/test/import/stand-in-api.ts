import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import type { IdentifiedEvent } from '@wayline/contracts';

export interface Arrived {
  /** 1 for the first request. */
  number: number;
  headers: IncomingHttpHeaders;
  bytes: number;
  lines: string[];
  events: IdentifiedEvent[];
  response: ServerResponse;
}

/** Plays `POST /v1/events`, so that the sender meets answers that the real one seldom gives. */
export interface StandInApi {
  readonly url: string;
  /** All requests, as they came. */
  readonly requests: Arrived[];
  /** Events of requests that were answered with 202, in the order of the answers. */
  readonly stored: IdentifiedEvent[];
  close(): Promise<void>;
}

export function answer(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** @param intervene answers a request itself, and says so by `true`; else all events are accepted */
export async function startStandInApi(
  intervene: (arrived: Arrived) => boolean | Promise<boolean> = () => false,
): Promise<StandInApi> {
  const requests: Arrived[] = [];
  const stored: IdentifiedEvent[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const body = gunzipSync(await buffer(request));
      const lines = body.toString().trimEnd().split('\n');
      const events = lines.map((line) => JSON.parse(line) as IdentifiedEvent);
      const arrived = {
        number: requests.length + 1,
        headers: request.headers,
        bytes: body.length,
        lines,
        events,
        response,
      };
      requests.push(arrived);
      if (await intervene(arrived)) return;
      stored.push(...events);
      answer(response, 202, { accepted: events.length, rejected: [] });
    })().catch((error: unknown) => answer(response, 500, { detail: String(error) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stored,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
