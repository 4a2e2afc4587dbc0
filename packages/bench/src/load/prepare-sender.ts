import { type Channel, Connection, type ConnectionEvents } from './connection.ts';
import { formOf } from './door-form.ts';
import type { LoadAim } from './load-job.ts';
import { prepareRequests } from './prepared-request.ts';
import { Sender } from './sender.ts';
import { streamConnector } from './stream-client.ts';

/** So many events are generated, of which the requests are made; each request has its own at least. */
const PREPARED_EVENTS = 5_000;
/** More where they are live, since sessions end with them: so many have the generator's mean length nearly. */
const PREPARED_LIVE_EVENTS = 20_000;

/** @param inFlight requests under way on each connection */
export function prepareSender(aim: LoadAim, inFlight: number): Sender {
  const { port, writeKey, eventsPerRequest, ids, door = 'events', live = false } = aim;
  const count = Math.max(
    4,
    Math.min(256, Math.round((live ? PREPARED_LIVE_EVENTS : PREPARED_EVENTS) / eventsPerRequest)),
  );
  const templates = prepareRequests(ids, { count, eventsPerRequest, writeKey, port, door, live });
  return new Sender(templates, {
    connect: connector(aim, inFlight),
    acknowledgement: formOf(door).acknowledgement(eventsPerRequest),
  });
}

function connector({ port, writeKey, door }: LoadAim, inFlight: number): (events: ConnectionEvents) => Channel {
  if (door !== 'stream') return (events) => new Connection(port, events);
  return streamConnector({ port, writeKey, inFlight });
}
