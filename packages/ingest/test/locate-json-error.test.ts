import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { locateJsonError } from '../src/locate-json-error.ts';

describe('where a text stops being JSON', () => {
  test.each([
    ['', 0, 'the text ends too early'],
    [' \n', 2, 'the text ends too early'],
    ['{"a":1', 6, 'the text ends too early'],
    ['[1,', 3, 'the text ends too early'],
    ['"ab', 3, 'the text ends too early'],
    ['"\\u12', 5, 'the text ends too early'],
    ['-', 1, 'the text ends too early'],
    ['1.', 2, 'the text ends too early'],
    ['1e+', 3, 'the text ends too early'],
    ['{"a"', 4, 'the text ends too early'],
    ['[1,]', 3, 'expected a value'],
    ['[,1]', 1, 'expected a value'],
    ['{,}', 1, 'expected a name in double quotes'],
    ['{"a":1,}', 7, 'expected a name in double quotes'],
    ["{'a':1}", 1, 'expected a name in double quotes'],
    ['{a:1}', 1, 'expected a name in double quotes'],
    ['{"a" 1}', 5, 'expected :'],
    ['{"a":}', 5, 'expected a value'],
    ['{"a":1 "b":2}', 7, 'expected , or }'],
    ['[1 2]', 3, 'expected , or ]'],
    ['[1}', 2, 'expected , or ]'],
    ['{"a":1]', 6, 'expected , or }'],
    ['1 2', 2, 'nothing may follow the value'],
    ['{}}', 2, 'nothing may follow the value'],
    ['NaN', 0, 'expected a value'],
    ['undefined', 0, 'expected a value'],
    ['truth', 0, 'expected a value'],
    ['nullx', 4, 'nothing may follow the value'],
    ['01', 1, 'nothing may follow the value'],
    ['+1', 0, 'expected a value'],
    ['.5', 0, 'expected a value'],
    ['-x', 1, 'expected a digit'],
    ['1.x', 2, 'expected a digit'],
    ['"a\nb"', 2, 'a control character in a string must be escaped'],
    ['"\\x"', 2, 'there is no such escape'],
    ['"\\u12g4"', 5, 'expected four hexadecimal digits'],
    ['\u00a01', 0, 'expected a value'],
  ])('%j: at %d, %s', (text, position, reason) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(locateJsonError(text)).toMatchObject({ position, reason });
  });

  test('lines and columns count from 1', () => {
    expect(locateJsonError('{\n  "a": 1,\n  "b": x\n}')).toMatchObject({ line: 3, column: 8, position: 19 });
    expect(locateJsonError('x')).toMatchObject({ line: 1, column: 1, position: 0 });
  });

  test('it agrees with JSON.parse on what is JSON', () => {
    const isJson = (text: string): boolean => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    const token = fc.constantFrom(
      ...[
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"a"',
        '"',
        '\\',
        '\\n',
        '\\u00e9',
        '0',
        '-',
        '1',
        '.',
        'e',
        'E+',
        'true',
        'null',
      ],
      ...[' ', '\n', '\t', '\u0001', 'é', '𝕏'],
    );
    const almostJson = fc.array(token, { maxLength: 12 }).map((tokens) => tokens.join(''));
    /** JSON with one character taken out, put in, or exchanged. */
    const damaged = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', '}', ']', ',', '0', '\\', ' '), fc.nat(1))
      .map(([text, at, put, taken]) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + put + text.slice(place + taken);
      });
    fc.assert(
      fc.property(fc.oneof(fc.json(), almostJson, damaged), (text) => {
        expect(locateJsonError(text) === undefined).toBe(isJson(text));
      }),
      { numRuns: 3000 },
    );
  });

  test('neither depth nor length is too much for it', () => {
    expect(locateJsonError('['.repeat(1_000_000))).toMatchObject({ position: 1_000_000 });
    expect(locateJsonError(`"${'\\u0041'.repeat(1_000_000)}`)).toMatchObject({ position: 6_000_001 });
  });
});
