import { describe, expect, test } from '@jest/globals';
import { createEventValidator } from '@wayline/contracts';

const { validate } = createEventValidator();
const minimal = { sessionId: 's-1', type: 'click' };
const codesOf = (event: unknown) => validate(event).map(({ pointer, code }) => `${code} ${pointer}`);
/** An event whose JSON is nested so many levels deep, the event being the first and `context` the second. */
const nested = (levels: number, open = '[', close = ']') => {
  const inner = levels - 2;
  return JSON.parse(
    `{"sessionId":"s","type":"t","context":{"a":${open.repeat(inner)}1${close.repeat(inner)}}}`,
  ) as object;
};

describe('what could not be kept as it is', () => {
  test.each([
    ['a field', { type: 'a\0b' }, '/type'],
    ['a field of source', { source: { kind: 'app', name: '\0' } }, '/source/name'],
    ['a value in context', { context: { a: [{ b: 'x\0' }] } }, '/context/a/0/b'],
    ['a name in context', { context: { 'a\0': 1 } }, '/context/a\0'],
    ['a name at the top', { 'x\0': 1 }, '/x\0'],
  ])('NUL in %s', (_, members, pointer) => {
    expect(codesOf({ ...minimal, ...members })).toEqual([`contains_nul ${pointer}`]);
  });

  test.each([
    ['a high half', '\ud83d', '/target'],
    ['a low half', '\ude00x', '/target'],
    ['halves in the wrong order', '\ude00\ud83d', '/target'],
  ])('%s of a surrogate pair', (_, target, pointer) => {
    expect(codesOf({ ...minimal, target })).toEqual([`lone_surrogate ${pointer}`]);
  });

  test('a lone surrogate in a value or name of context; the pointer to a name is well-formed', () => {
    expect(codesOf({ ...minimal, context: { list: ['ok', '\ud800'] } })).toEqual(['lone_surrogate /context/list/1']);
    expect(codesOf({ ...minimal, context: { 'k\ud800': 1 } })).toEqual(['lone_surrogate /context/k\ufffd']);
  });

  test('whole surrogate pairs are kept', () => {
    expect(codesOf({ ...minimal, target: '😀', context: { '😀': '👩‍👩‍👧' } })).toEqual([]);
  });

  test.each(['1e999', '-1e999', `1${'0'.repeat(400)}`])('the number %s, beyond a double', (number) => {
    const event = JSON.parse(`{"sessionId":"s","type":"t","context":{"deep":[0,{"n":${number}}]}}`) as object;
    expect(codesOf(event)).toEqual(['number_out_of_range /context/deep/1/n']);
  });

  test('32 levels of JSON are kept, 33 are not', () => {
    expect(codesOf(nested(32))).toEqual([]);
    expect(codesOf(nested(33))).toEqual([`too_deep /context/a${'/0'.repeat(30)}`]);
    expect(codesOf(nested(32, '{"b":', '}'))).toEqual([]);
    expect(codesOf(nested(33, '{"b":', '}'))).toEqual([`too_deep /context/a${'/b'.repeat(30)}`]);
  });

  test('100,000 levels do not overflow the stack', () => {
    expect(codesOf(nested(100_000))).toEqual([`too_deep /context/a${'/0'.repeat(30)}`]);
    expect(codesOf(JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`))).toEqual(['not_an_object ']);
  });
});

describe('context has at most 32 KiB, in UTF-8 bytes as JSON', () => {
  const withBytes = (bytes: number, char = 'x') => {
    const room = bytes - '{"a":""}'.length;
    const text = char.repeat(Math.floor(room / Buffer.byteLength(char)));
    return { ...minimal, context: { a: text + 'x'.repeat(room - Buffer.byteLength(text)) } };
  };

  test.each(['x', 'é', '€', '😀'])('of %s: exactly 32,768 bytes are kept, one more is not', (char) => {
    expect(Buffer.byteLength(JSON.stringify(withBytes(32_768, char).context))).toBe(32_768);
    expect(codesOf(withBytes(32_768, char))).toEqual([]);
    expect(codesOf(withBytes(32_769, char))).toEqual(['context_too_large /context']);
  });

  test('bytes count, not characters: 16,000 euro signs are too many', () => {
    expect(validate({ ...minimal, context: { a: '€'.repeat(16_000) } })).toEqual([
      { pointer: '/context', code: 'context_too_large', message: 'has 48008 bytes as JSON; at most 32768 are kept' },
    ]);
  });

  test('characters that JSON escapes count as they are written', () => {
    expect(codesOf({ ...minimal, context: { a: '\u0001'.repeat(5_000) } })).toEqual([]);
    expect(codesOf({ ...minimal, context: { a: '\u0001'.repeat(6_000) } })).toEqual(['context_too_large /context']);
  });
});
