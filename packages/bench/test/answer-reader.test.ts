import { describe, expect, test } from '@jest/globals';
import { AnswerReader } from '../src/load/answer-reader.ts';

const read = (reader: AnswerReader, text: string) => reader.read(Buffer.from(text), text.length);

describe('an answer is read', () => {
  test('whole, whatever the case of its headers', () => {
    const text = 'HTTP/1.1 503 Busy\r\nRETRY-AFTER: 2\r\ncontent-LENGTH: 4\r\nConnection: close\r\n\r\nbusy';
    expect(read(new AnswerReader(), text)).toEqual({ status: 503, retryAfterSeconds: 2, closes: true, body: 'busy' });
  });

  test('in parts, byte by byte, and the next one after it', () => {
    const reader = new AnswerReader();
    const text = 'HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}';
    for (let round = 0; round < 2; round++) {
      for (const byte of text.slice(0, -1)) expect(read(reader, byte)).toBeUndefined();
      expect(read(reader, text.slice(-1))).toMatchObject({ status: 202, body: '{}', closes: false });
    }
  });

  test('without Retry-After as such', () => {
    const answer = read(new AnswerReader(), 'HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n');
    expect(answer?.retryAfterSeconds).toBeUndefined();
  });
});

test.each([
  ['without a length', 'HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['that is no HTTP', 'SSH-2.0-x\r\n\r\n'],
  ['with something behind it', 'HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\nHTTP/1.1 202'],
])('an answer %s is an error, and not miscounted', (_, text) => {
  expect(() => read(new AnswerReader(), text)).toThrow(/not understood|More than the answer/);
});
