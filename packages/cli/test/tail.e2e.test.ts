import { afterEach, expect, test } from '@jest/globals';
import { type AllInOne, createAllInOne } from './all-in-one.ts';

let all: AllInOne;
afterEach(() => all.close());

test('A10, O8: an event that is sent comes to a reader of the tail, who does not hold up the end of the process', async () => {
  all = await createAllInOne();
  const { process, dev } = await all.start();
  const response = await fetch(`${dev.url}/v1/tail?type=tailed`, { headers: { authorization: `Bearer ${dev.token}` } });
  expect(response.status).toBe(200);
  const pieces = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const readUntil = async (part: string): Promise<void> => {
    while (!text.includes(part)) {
      const { done, value } = await pieces.read();
      if (done) throw new Error(`The tail ended: ${text}`);
      text += value;
    }
  };

  const sent = await fetch(`${dev.url}/v1/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${dev.writeKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ sessionId: 's-1', type: 'tailed' }),
  });
  expect(sent.status).toBe(202);
  await readUntil('"type":"tailed"');

  const stoppedMs = performance.now();
  const ending = process.end('SIGTERM');
  await readUntil('event: bye\ndata: {"type":"urn:wayline:problem:not_ready"');
  expect(await ending).toMatchObject({ code: 0 });
  // Half of WAYLINE_SHUTDOWN_SECONDS, after which connections that are still open are cut off.
  expect(performance.now() - stoppedMs).toBeLessThan(12_000);
}, 90_000);
