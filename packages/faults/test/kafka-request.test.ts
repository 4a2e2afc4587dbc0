import { expect, test } from '@jest/globals';
import { readKafkaRequest } from '../src/scene/kafka-request.ts';

/** Size, API key, version, correlation id, client id, and some of the body. */
function request(apiKey: number, clientId: string): Buffer {
  const head = Buffer.alloc(14);
  head.writeInt32BE(10 + clientId.length + 3, 0);
  head.writeInt16BE(apiKey, 4);
  head.writeInt16BE(7, 6);
  head.writeInt32BE(42, 8);
  head.writeInt16BE(clientId.length, 12);
  return Buffer.concat([head, Buffer.from(clientId), Buffer.from('abc')]);
}

test('a request tells what it asks for, and who asks', () => {
  expect(readKafkaRequest(request(0, 'ingest'))).toEqual({ apiKey: 0, clientId: 'ingest' });
  expect(readKafkaRequest(request(18, ''))).toEqual({ apiKey: 18, clientId: '' });
});

test.each([
  { what: 'a chunk that ends before the client id does', chunk: request(0, 'ingest').subarray(0, 17) },
  { what: 'a chunk from the middle of a request', chunk: Buffer.from('{"sessionId":"s-1","type":"click"}') },
  { what: 'nothing', chunk: Buffer.alloc(0) },
])('$what is none', ({ chunk }) => {
  expect(readKafkaRequest(chunk)).toBeUndefined();
});
