import { expect, test } from '@jest/globals';
import type { Connection } from 'kafkajs/src/network/connectionPool.js';
import createRequest from 'kafkajs/src/protocol/request.js';
import { headBytes, sendWhole } from '../src/kafka/send-whole.ts';

/** What kafkajs keeps of a connection, with a socket that takes down what is written. */
function connection(clientId: string) {
  const written: Buffer[] = [];
  const socket = { write: (bytes: Buffer) => written.push(bytes), cork() {}, uncork() {} };
  const requestQueue: Pick<Connection['requestQueue'], 'push'> = {
    push({ entry, sendRequest }) {
      sendRequest();
      entry.resolve({ payload: Buffer.from(`answer to ${entry.correlationId}`) });
    },
  };
  let correlationId = 41;
  const nextCorrelationId = () => ++correlationId;
  return { written, connection: { clientId, socket, requestQueue, nextCorrelationId } as unknown as Connection };
}

test.each([
  { clientId: 'wayline', body: Buffer.from('the body') },
  { clientId: 'größer', body: Buffer.alloc(70_000, 'x') },
  { clientId: '', body: Buffer.alloc(0) },
])('a request has the bytes that kafkajs would write: client "$clientId"', async ({ clientId, body }) => {
  const request = { apiKey: 0, apiVersion: 7, apiName: 'Produce' };
  const ofKafkajs = await createRequest({
    request: { ...request, encode: async () => ({ buf: body, buffer: body }) },
    correlationId: 42,
    clientId,
  });
  const { written, connection: to } = connection(clientId);
  const half = body.length >> 1;
  const parts = [Buffer.alloc(headBytes(to) + half), body.subarray(half)];
  body.copy(parts[0] as Buffer, headBytes(to), 0, half);
  const answer = await sendWhole(to, { ...request, parts });
  expect(Buffer.concat(written).equals(ofKafkajs.buffer)).toBe(true);
  expect(String(answer)).toBe('answer to 42');
});

test('where the connection has gone, it rejects', async () => {
  const { connection: to } = connection('wayline');
  to.socket = undefined;
  const request = { apiKey: 0, apiVersion: 7, apiName: 'Produce', parts: [Buffer.alloc(headBytes(to))] };
  await expect(sendWhole(to, request)).rejects.toThrow('no socket');
});
