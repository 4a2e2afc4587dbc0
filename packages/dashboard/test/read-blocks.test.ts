import { expect, test } from '@jest/globals';
import { createBlockReader } from '../src/read-blocks.ts';

test('A10: blocks are read whole, however the stream was cut, and an id stays until the next', () => {
  const text = 'retry: 2000\nid: a\n\n:\n\nid: b\ndata: {"x": 1}\n\nevent: skipped\ndata: {}\n\n:\nid: c\n\ndata: cut';
  const expected = [
    { event: 'message', data: '', id: 'a' },
    { event: 'message', data: '{"x": 1}', id: 'b' },
    { event: 'skipped', data: '{}', id: 'b' },
    { event: 'message', data: '', id: 'c' },
  ];
  expect(createBlockReader()(text)).toEqual(expected);
  const read = createBlockReader();
  expect([...text].flatMap((character) => read(character))).toEqual(expected);
});
