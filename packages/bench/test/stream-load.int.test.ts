import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type WebSocket, WebSocketServer } from 'ws';
import { NumberSet } from '../src/compare/number-set.ts';
import { newRunIds } from '../src/load/event-ids.ts';
import type { LoadReport } from '../src/load/load-job.ts';
import { runLoadJob } from '../src/load/run-load-job.ts';

interface Frame {
  id: string;
  events: { eventId: string }[];
}

const CONNECTIONS = 2;
const IN_FLIGHT = 4;
let server: WebSocketServer | undefined;
afterEach(() => {
  for (const client of server?.clients ?? []) client.terminate();
  server?.close();
});

/** Loads a server of `ws` itself, which refuses what is not masked or framed as RFC 6455 has it. */
async function load(
  onFrame: (frame: Frame, socket: WebSocket) => void,
  { events = 5, onSocket = (_: WebSocket) => {} } = {},
): Promise<LoadReport> {
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  server.on('connection', (socket) => {
    onSocket(socket);
    socket.on('message', (data) => onFrame(JSON.parse(String(data)) as Frame, socket));
  });
  return runLoadJob({
    port: (server.address() as AddressInfo).port,
    serverPid: process.pid,
    writeKey: 'none',
    ids: newRunIds(),
    eventsPerRequest: events,
    door: 'stream',
    shape: { kind: 'closed', connections: CONNECTIONS, inFlight: IN_FLIGHT },
    warmupSeconds: 0.1,
    seconds: 0.3,
  });
}

const accept = ({ id, events }: Frame, socket: WebSocket): void =>
  socket.send(JSON.stringify({ id, accepted: events.length, rejected: [] }));

describe('frames of a stream', () => {
  // 16 and 64 bits of length.
  test.each([{ events: 5 }, { events: 200 }])('of $events events have ids that none other has', async ({ events }) => {
    const seen: string[] = [];
    const report = await load(
      (frame, socket) => {
        seen.push(...frame.events.map(({ eventId }) => eventId));
        accept(frame, socket);
      },
      { events },
    );
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toHaveLength(report.sentRequests * events);
    expect(report.whole).toMatchObject({ acknowledged: report.sentRequests, lost: 0, refused: 0 });
    expect(new NumberSet(Buffer.from(report.acknowledged, 'base64')).size).toBe(report.sentRequests);
  });

  test('are under way several on a connection, and may be answered in another order', async () => {
    const held = new Map<WebSocket, Frame[]>();
    const report = await load((frame, socket) => {
      const frames = [...(held.get(socket) ?? []), frame];
      held.set(socket, frames);
      if (frames.length < IN_FLIGHT) return;
      held.delete(socket);
      for (const other of frames.reverse()) accept(other, socket);
    });
    expect(report.whole.acknowledged).toBeGreaterThan(10);
    expect(report.whole.refused).toBe(0);
    expect(server?.clients.size).toBeLessThanOrEqual(CONNECTIONS);
  });

  test('are refused one by one, and those that are shed are counted as such', async () => {
    let frames = 0;
    const report = await load((frame, socket) => {
      frames++;
      if (frames === 2) socket.send(JSON.stringify({ id: frame.id, error: { status: 422, code: 'no_valid_events' } }));
      else if (frames === 3) socket.send(JSON.stringify({ id: frame.id, error: { status: 503 }, retryAfter: 60 }));
      else accept(frame, socket);
    });
    expect(report.whole).toMatchObject({ refused: 1, shed: 1, shedWithoutRetryAfter: 0, lost: 0 });
    expect(report.firstFault).toContain('422');
    expect(report.whole.acknowledged).toBe(report.sentRequests - 2);
  });

  test('are shed where the connection is closed with 1013, lost where it is with another code, and the load goes on', async () => {
    let frames = 0;
    const report = await load((frame, socket) => {
      frames++;
      if (frames === 20) socket.close(1013, 'overloaded');
      else if (frames === 60) socket.close(1008, 'forbidden');
      else if (socket.readyState === socket.OPEN) accept(frame, socket);
    });
    const { shed, lost, acknowledged } = report.whole;
    expect(shed).toBeGreaterThanOrEqual(1);
    expect(shed).toBeLessThanOrEqual(IN_FLIGHT);
    expect(lost).toBeGreaterThanOrEqual(1);
    expect(lost).toBeLessThanOrEqual(IN_FLIGHT);
    expect(acknowledged).toBe(report.sentRequests - shed - lost);
    expect(acknowledged).toBeGreaterThan(60);
    expect(report.firstFault).toContain('closed with 1008: forbidden');
  });

  test('are sent by somebody who answers pings', async () => {
    let pongs = 0;
    await load(accept, {
      onSocket(socket) {
        socket.on('pong', () => pongs++);
        socket.ping('are you there?');
      },
    });
    expect(pongs).toBe(CONNECTIONS);
  });
});
