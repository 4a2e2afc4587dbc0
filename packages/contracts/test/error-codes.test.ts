import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { DEAD_LETTER_CODES, ITEM_CODES, PROBLEM_CODES, REPLAY_CODES } from '@wayline/contracts';

const document = readFileSync(new URL('../../../docs/error-codes.md', import.meta.url), 'utf8');

/** The rows of the table under a heading, as lists of cells. */
function tableUnder(heading: string): string[][] {
  const section = document.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.slice(1, -1).split('|'))
    .map((cells) => cells.map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1')));
}

describe('docs/error-codes.md says what the registry says', () => {
  test('of problems', () => {
    expect(tableUnder('Problems')).toEqual(
      Object.entries(PROBLEM_CODES).map(([code, { status, title, retryable }]) => [
        code,
        String(status),
        retryable ? 'yes' : 'no',
        title,
      ]),
    );
  });

  test('of events', () => {
    expect(tableUnder('Errors of one event')).toEqual(Object.entries(ITEM_CODES));
  });

  test('of dead letters', () => {
    expect(tableUnder('Dead letters')).toEqual(Object.entries(DEAD_LETTER_CODES));
  });

  test('of replays', () => {
    expect(tableUnder('Replays')).toEqual(Object.entries(REPLAY_CODES));
  });
});

test('an event, a dead letter and a replay never share a code that means two things', () => {
  const codes = [ITEM_CODES, DEAD_LETTER_CODES, REPLAY_CODES].flatMap((registry) => Object.keys(registry));
  const shared = codes.filter((code, index) => codes.indexOf(code) !== index);
  expect(shared).toEqual([]);
});
