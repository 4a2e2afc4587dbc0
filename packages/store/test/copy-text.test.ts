import { expect, test } from '@jest/globals';
import { copyField } from '../src/write/copy-text.ts';

test.each([
  [undefined, '\\N'],
  [null, '\\N'],
  [0, '0'],
  [-1.5e300, '-1.5e+300'],
  ['', ''],
  ['plain', 'plain'],
  ['\\N', '\\\\N'],
  ['a\tb\nc\rd\\e', 'a\\tb\\nc\\rd\\\\e'],
])('%j is written as %j', (value, text) => {
  expect(copyField(value)).toBe(text);
});
