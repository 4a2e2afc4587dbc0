import { describe, expect, test } from '@jest/globals';
import { ProblemError } from '@wayline/contracts';
import { parseEventsBody } from '../src/parse-events-body.ts';

const JSON_TYPE = 'application/json';
const LINES = 'application/x-ndjson';
const event = { sessionId: 's', type: 't' };

const problemOf = (text: string, mediaType = JSON_TYPE) => {
  try {
    parseEventsBody(text, mediaType);
  } catch (error) {
    if (error instanceof ProblemError) return error.problem;
    throw error;
  }
  return undefined;
};

describe('T3: the forms of a body', () => {
  test.each([
    ['one event', event, [event]],
    ['a list', [event, event], [event, event]],
    ['{events}', { events: [event] }, [event]],
    ['an empty list', [], []],
    ['a value that is no event', 7, [7]],
    ['null', null, [null]],
    ['a list of anything', [null, 1, 'x', []], [null, 1, 'x', []]],
  ])('%s', (_, value, items) => {
    expect(parseEventsBody(JSON.stringify(value), JSON_TYPE).items).toEqual(items);
    expect(parseEventsBody(JSON.stringify(value), 'text/plain').items).toEqual(items);
  });

  test('{events, sentAt} says when it was sent', () => {
    expect(parseEventsBody('{"events":[],"sentAt":"now"}', JSON_TYPE)).toEqual({ items: [], sentAt: 'now' });
  });

  test('a typo in {events, sentAt} does not vanish', () => {
    expect(problemOf('{"events":[],"sentAT":1}')).toMatchObject({
      code: 'invalid_request',
      detail: '`/sentAT` is not a field of `{events, sentAt}`.',
    });
    expect(problemOf('{"events":{}}')).toMatchObject({ code: 'invalid_request' });
    expect(problemOf('{"events":null}')).toMatchObject({ code: 'invalid_request' });
  });

  test('NDJSON: one event a line; empty lines and carriage returns count for nothing', () => {
    const line = JSON.stringify(event);
    expect(parseEventsBody(`\n${line}\r\n\n  \n${line}`, LINES).items).toEqual([event, event]);
    expect(parseEventsBody('', LINES).items).toEqual([]);
    expect(parseEventsBody('\n\n', LINES).items).toEqual([]);
  });

  test('NDJSON: a line that is not JSON is one wrong item, and says which line and where', () => {
    const { items, unreadable } = parseEventsBody(`{"a":1}\n\n{"a":,}\n{"b":2}\n{`, LINES);
    expect(items).toEqual([{ a: 1 }, undefined, { b: 2 }, undefined]);
    expect([...(unreadable ?? [])]).toEqual([
      [
        1,
        {
          pointer: '',
          code: 'invalid_json',
          message: 'is not valid JSON: line 3, column 6: expected a value',
        },
      ],
      [3, expect.objectContaining({ message: expect.stringContaining('line 5') })],
    ]);
  });

  test('a body that is not JSON says where', () => {
    expect(problemOf('{"sessionId":"s",\n"type":}')).toMatchObject({
      code: 'invalid_json',
      status: 400,
      detail: 'The body is not valid JSON: line 2, column 8 (character 25): expected a value.',
    });
    expect(problemOf('')).toMatchObject({ code: 'invalid_json', detail: 'The body is empty.' });
    expect(problemOf(' \n ')).toMatchObject({ code: 'invalid_json', detail: 'The body is empty.' });
  });

  test.each(['', 'application/x-www-form-urlencoded', 'application/xml', 'application/jsonx'])(
    'the media type %j is not read',
    (mediaType) => expect(problemOf('[]', mediaType)).toMatchObject({ code: 'unsupported_media_type', status: 415 }),
  );
});

describe('T3: 2500 events, not one more', () => {
  const list = (count: number) => JSON.stringify(Array.from({ length: count }, () => event));
  const lines = (count: number) => `${JSON.stringify(event)}\n`.repeat(count);

  test('2500 are read in every form', () => {
    expect(parseEventsBody(list(2500), JSON_TYPE).items).toHaveLength(2500);
    expect(parseEventsBody(`{"events":${list(2500)}}`, JSON_TYPE).items).toHaveLength(2500);
    expect(parseEventsBody(`${lines(2500)}\n\n`, LINES).items).toHaveLength(2500);
  });

  test('2501 are refused in every form', () => {
    const refusal = { code: 'too_many_events', status: 413, detail: expect.stringContaining('2500') };
    expect(problemOf(list(2501))).toMatchObject(refusal);
    expect(problemOf(`{"events":${list(2501)}}`)).toMatchObject(refusal);
    expect(problemOf(lines(2501), LINES)).toMatchObject(refusal);
    expect(problemOf('x\n'.repeat(2501), LINES)).toMatchObject(refusal);
  });
});
