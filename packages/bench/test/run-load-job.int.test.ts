import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { NumberSet } from '../src/compare/number-set.ts';
import { newRunIds } from '../src/load/event-ids.ts';
import type { LoadAim, LoadReport, LoadShape } from '../src/load/load-job.ts';
import { runLoadJob } from '../src/load/run-load-job.ts';
import { runTurnsJob } from '../src/load/run-turns-job.ts';

let server: Server | undefined;
afterEach(() => void server?.close());

const EVENTS = 5;

const load = async (listener: RequestListener, shape: LoadShape): Promise<LoadReport> =>
  runLoadJob({ ...(await aimAt(listener)), shape, warmupSeconds: 0.1, seconds: 0.3 });

/** Starts a server that listens so, and answers with what a load of it is told. */
async function aimAt(listener: RequestListener): Promise<LoadAim> {
  server?.close();
  server = createServer(listener);
  server.on('connection', () => connections++);
  connections = 0;
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { port, serverPid: process.pid, writeKey: 'none', ids: newRunIds(), eventsPerRequest: EVENTS };
}

/** That the server was asked for. */
let connections = 0;

/** Answers after the body, as all servers do. */
const answering =
  (
    answer: (ids: string[], respond: (status: number, body: string, headers?: object) => void) => void,
  ): RequestListener =>
  (request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk;
    });
    request.on('end', () => {
      const ids = (JSON.parse(text) as { eventId: string }[]).map(({ eventId }) => eventId);
      answer(ids, (status, body, headers = {}) => {
        response.writeHead(status, { 'Content-Length': body.length, ...headers }).end(body);
      });
    });
  };
const ACCEPTED = `{"accepted":${EVENTS},"rejected":[]}`;
const accept = answering((_ids, respond) => respond(202, ACCEPTED));

test('no id is sent twice, and all that was accepted is known as acknowledged', async () => {
  const seen: string[] = [];
  const report = await load(
    answering((ids, respond) => {
      seen.push(...ids);
      respond(202, ACCEPTED);
    }),
    { kind: 'closed', connections: 4 },
  );
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen).toHaveLength(report.sentRequests * EVENTS);
  expect(report.whole.acknowledged).toBe(report.sentRequests);
  expect(new NumberSet(Buffer.from(report.acknowledged, 'base64')).size).toBe(report.sentRequests);
  expect(report.measured.acknowledged).toBeLessThan(report.whole.acknowledged);
});

test('an answer that accepts fewer events than were sent acknowledges nothing', async () => {
  const fewer = answering((_ids, respond) => respond(202, `{"accepted":${EVENTS - 1},"rejected":[{}]}`));
  const report = await load(fewer, { kind: 'closed', connections: 1 });
  expect(report.whole).toMatchObject({ acknowledged: 0, refused: report.sentRequests });
  expect(report.firstFault).toContain('202');
});

test('a connection that is told to come later does so', async () => {
  const busy = answering((_ids, respond) => respond(503, '', { 'Retry-After': 30 }));
  const report = await load(busy, { kind: 'closed', connections: 3 });
  expect(report.sentRequests).toBe(3);
  expect(report.whole).toMatchObject({ shed: 3, shedWithoutRetryAfter: 0, refused: 0 });
});

test('an answer of 503 that does not say when to come again is counted', async () => {
  const busy = answering((_ids, respond) => respond(503, ''));
  const report = await load(busy, { kind: 'open', requestsPerSecond: 50, maxConnections: 4 });
  expect(report.whole.shed).toBe(report.sentRequests);
  expect(report.whole.shedWithoutRetryAfter).toBe(report.sentRequests);
});

test('a request whose connection ends before the answer is lost, and the load goes on', async () => {
  let requests = 0;
  const report = await load(
    (request, response) => {
      if (++requests === 2) request.socket.destroy();
      else accept(request, response);
    },
    { kind: 'closed', connections: 1 },
  );
  expect(report.whole).toMatchObject({ lost: 1, acknowledged: report.sentRequests - 1 });
  expect(report.sentRequests).toBeGreaterThan(2);
});

test('an open load keeps its rate, and ends with its last answer', async () => {
  const report = await load(accept, { kind: 'open', requestsPerSecond: 100, maxConnections: 50 });
  expect(report.whole.acknowledged).toBe(report.sentRequests);
  expect(report.whole.lost).toBe(0);
  // About 50 in the half second that is measured, but a busy machine may hold either process up; a closed load has thousands.
  expect(report.measured.acknowledged + report.measured.unsent).toBeGreaterThanOrEqual(10);
  expect(report.measured.acknowledged).toBeLessThanOrEqual(100);
});

test('an open load does not send what finds no free connection, and counts it', async () => {
  const slow = answering((_ids, respond) => setTimeout(respond, 100, 202, ACCEPTED));
  const report = await load(slow, { kind: 'open', requestsPerSecond: 200, maxConnections: 2 });
  expect(report.whole.unsent).toBeGreaterThan(30);
  expect(report.measured.p50Ms).toBeGreaterThanOrEqual(90);
});

test('connections that are to be opened are all there before the rate begins', async () => {
  const few = { kind: 'open', requestsPerSecond: 10, maxConnections: 40 } as const;
  await load(accept, few);
  expect(connections).toBeLessThan(30);
  const report = await load(accept, { ...few, opened: true });
  expect(connections).toBe(16 + 40); // of the warming up, and those
  expect(report.whole.lost).toBe(0);
});

test('two loads take turns over the same connections, and the second is a multiple of what came of the first', async () => {
  const slow = answering((_ids, respond) => setTimeout(respond, 40, 202, ACCEPTED));
  const found = await runTurnsJob({
    ...(await aimAt(slow)),
    ...{ connections: 3, times: 2, maxConnections: 40 },
    ...{ turns: 2, warmupSeconds: 0.1, settlingSeconds: 0.2, seconds: 0.5 },
  });
  const acknowledged = (reports: typeof found.fully) => reports.map(({ measured }) => measured.acknowledged);
  const [full, twice] = [acknowledged(found.fully), acknowledged(found.offered)];
  expect(full).toHaveLength(2);
  for (const [i, count] of full.entries()) {
    expect(twice[i]).toBeGreaterThan(count * 1.3);
    expect(twice[i]).toBeLessThan(count * 3);
  }
  const whole = [...found.fully, ...found.offered].reduce((sum, report) => sum + report.whole.acknowledged, 0);
  expect(whole).toBe(found.sentRequests);
  expect(new NumberSet(Buffer.from(found.acknowledged, 'base64')).size).toBe(found.sentRequests);
  expect(connections).toBe(3 + 40);
});

test('turns of what is offered may be longer than the others, and go by the last of those', async () => {
  let delayMs = 20;
  const slow = answering((_ids, respond) => setTimeout(respond, delayMs, 202, ACCEPTED));
  setTimeout(() => {
    delayMs = 200;
  }, 1350);
  const { fully, offered } = await runTurnsJob({
    ...(await aimAt(slow)),
    ...{ connections: 4, times: 0.5, latest: 1, maxConnections: 20 },
    ...{ turns: 2, warmupSeconds: 0.1, settlingSeconds: 0.2, seconds: 0.4, offeredSeconds: 1 },
  });
  expect(offered.map(({ seconds }) => Math.round(seconds))).toEqual([1, 1]);
  const perSecond = ({ measured, seconds }: (typeof fully)[number]) => measured.acknowledged / seconds;
  const [last, then] = [fully, offered].map((reports) => perSecond(reports[1] as (typeof fully)[number]));
  expect(then).toBeGreaterThan((last as number) * 0.25);
  expect(then).toBeLessThan(last as number); // half of the mean of both would be several times as much
});
