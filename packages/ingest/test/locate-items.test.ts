import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Form, locateItems, PLACE } from '../src/locate-items.ts';

/** Each event as it stands in the text, '' where it is to be written anew; undefined where they were not found. */
function slices(text: string, form: Form): string[] | undefined {
  const bytes = Buffer.from(text);
  const places = locateItems(bytes, form);
  return (
    places &&
    Array.from({ length: form.count }, (_, n) => String(bytes.subarray(places[PLACE * n], places[PLACE * n + 1])))
  );
}

const objects = fc.array(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), { minLength: 1, maxLength: 8 });

test('every event of a body is found, whatever is in its texts', () => {
  fc.assert(
    fc.property(objects, fc.jsonValue(), (events, sentAt) => {
      const texts = events.map((event) => JSON.stringify(event));
      const count = events.length;
      expect(slices(JSON.stringify(events), { kind: 'list', count })).toEqual(texts);
      expect(slices(` \n${JSON.stringify({ sentAt, events })}`, { kind: 'envelope', count })).toEqual(texts);
      expect(slices(JSON.stringify({ events, sentAt }), { kind: 'envelope', count })).toEqual(texts);
      expect(slices(`${texts[0]}\n`, { kind: 'event', count: 1 })).toEqual([texts[0]]);
    }),
    { numRuns: 500 },
  );
});

test('of a text that is set out for people all events are found, to be written anew', () => {
  const events = [{ a: [1, { b: 2 }], c: 'x' }, {}];
  for (const space of [1, 2, '\t']) {
    expect(slices(JSON.stringify(events, null, space), { kind: 'list', count: 2 })).toEqual(['', '{}']);
  }
});

test.each([
  {
    what: 'a space after commas and colons',
    text: '[{"sessionId": "s-1", "type": "click", "target": "a b"}]',
    found: true,
  },
  { what: 'a byte order mark', text: '\ufeff[{"a":1}]', found: true },
  { what: 'an event of 64 KiB', text: `[{"a":"${'x'.repeat(65_536)}"}]`, found: false },
])('an event is kept as it was written: $what: $found', ({ text, found }) => {
  const [first] = slices(text, { kind: 'list', count: 1 }) ?? [];
  expect(first !== '' && first !== undefined).toBe(found);
  if (found) expect(JSON.parse(first as string)).toEqual(JSON.parse(text.replace('\ufeff', ''))[0]);
});

// JSON.parse takes the last of two lists: what was judged must be what is kept.
test.each([
  { what: 'two lists', text: '{"events":[{"a":1}],"events":[{"a":2}]}', kind: 'envelope', count: 1 },
  { what: 'a list of fewer', text: '[{"a":1}]', kind: 'list', count: 2 },
  { what: 'a list of more', text: '[{"a":1},{"a":2}]', kind: 'list', count: 1 },
  { what: 'a number among them', text: '[1]', kind: 'list', count: 1 },
  { what: 'a list inside', text: '[[{"a":1}]]', kind: 'list', count: 1 },
  { what: 'a text', text: '"x"', kind: 'event', count: 1 },
  { what: 'the list in another member', text: '{"sentAt":{"events":[{"a":1}]}}', kind: 'envelope', count: 1 },
] as const)('nothing is found where it is not plain to see: $what', ({ text, kind, count }) => {
  expect(slices(text, { kind, count })).toBeUndefined();
});
