// A careful client of `GET /v1/stream`, as a process of its own. Arguments: the address of the API, a write key, and how many
// frames of ten events each to send. It has up to eight frames under way, connects again whenever the connection is lost,
// and sends again what was not acknowledged. The id of each event is printed once it is acknowledged; at the end `done`.
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';

const [url, key, frames] = process.argv.slice(2);
const UNDER_WAY = 8;
const unsent = Array.from({ length: Number(frames) }, (_, frame) => ({
  id: frame,
  events: Array.from({ length: 10 }, (_, i) => ({
    eventId: crypto.randomUUID(),
    sessionId: `s-${frame % 7}`,
    type: 'click',
    occurredAt: new Date().toISOString(),
    seq: frame * 10 + i,
  })),
}));
const underWay = new Map();

function connection() {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`, {
      headers: { authorization: `Bearer ${key}` },
    });
    const fill = () => {
      while (underWay.size < UNDER_WAY && unsent.length > 0) {
        const frame = unsent.shift();
        underWay.set(frame.id, frame);
        socket.send(JSON.stringify({ ...frame, sentAt: Date.now() }));
      }
      if (underWay.size === 0) socket.close();
    };
    socket.on('open', fill);
    socket.on('message', (data) => {
      const { id, accepted } = JSON.parse(data);
      const frame = underWay.get(id);
      underWay.delete(id);
      if (accepted === frame.events.length)
        for (const { eventId } of frame.events) process.stdout.write(`${eventId}\n`);
      else unsent.push(frame);
      fill();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      unsent.unshift(...underWay.values());
      underWay.clear();
      resolve();
    });
  });
}

while (unsent.length > 0) {
  await connection();
  await sleep(50);
}
process.stdout.write('done\n');
