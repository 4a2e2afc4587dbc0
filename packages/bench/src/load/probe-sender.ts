import { Agent, request } from 'node:http';
import { uuidV7 } from '@wayline/contracts';

/** What the primary key of an event is made of. */
export interface Probe {
  eventId: string;
  sessionId: string;
  occurredAt: string;
}

export interface ProbeSender {
  /** Sends an event of a session of its own; resolves when it was acknowledged, with nothing when it was not. */
  send(n: number): Promise<Probe | undefined>;
  close(): void;
}

export function openProbeSender({ port, writeKey }: { port: number; writeKey: string }): ProbeSender {
  const agent = new Agent({ keepAlive: true });
  const run = uuidV7(Date.now());

  const post = (body: string): Promise<number | undefined> =>
    new Promise((resolve) => {
      const headers = {
        Authorization: `Bearer ${writeKey}`,
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
      };
      request({ agent, host: '127.0.0.1', port, method: 'POST', path: '/v1/events', headers }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
        response.on('error', () => resolve(undefined));
      })
        .on('error', () => resolve(undefined))
        .end(body);
    });

  return {
    async send(n) {
      const nowMs = Date.now();
      const probe: Probe = {
        eventId: uuidV7(nowMs),
        sessionId: `probe-${run}-${n}`,
        occurredAt: new Date(nowMs).toISOString(),
      };
      const event = { ...probe, type: 'probe', namespace: 'bench', source: { kind: 'app', name: 'prober' } };
      return (await post(JSON.stringify(event))) === 202 ? probe : undefined;
    },
    close: () => agent.destroy(),
  };
}
