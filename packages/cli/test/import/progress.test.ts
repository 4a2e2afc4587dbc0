import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { duration, type ProgressState, progressLine, showProgress } from '../../src/import/progress.ts';

const state: ProgressState = { phase: 'sending', done: 5000, unit: 'events', share: 0.5 };

test('a line of progress has a rate and an estimate where they can be known', () => {
  expect(progressLine(state, 2.5)).toBe('sending: 5,000 events, 50 %, 2,000 events/s, 3 s left');
  expect(progressLine({ ...state, share: undefined }, 2.5)).toBe('sending: 5,000 events, 2,000 events/s');
  expect(progressLine({ ...state, done: 0, share: 0 }, 0)).toBe('sending: 0 events, 0 %');
});

test('durations are told as people tell them', () => {
  expect([0.2, 45, 600, 12_000].map(duration)).toEqual(['1 s', '45 s', '10 min', '3 h 20 min']);
});

describe('showing progress', () => {
  let written: string[];
  const write = (text: string) => written.push(text);
  beforeEach(() => {
    written = [];
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('on a terminal one line is written over, a note stays above it, and nothing is left at the end', () => {
    const progress = showProgress({ write, isTTY: true, columns: 20 }, () => state);
    jest.advanceTimersByTime(200);
    progress.note('a warning');
    progress.end();
    jest.advanceTimersByTime(1000);
    const line = '\r\u001b[Ksending: 5,000 even';
    expect(written.slice(0, 2)).toEqual([line, line]);
    expect(written.slice(2)).toEqual(['\r\u001b[Ka warning\n', line, '\r\u001b[K']);
  });

  test('elsewhere it is a line every few seconds', () => {
    const progress = showProgress({ write }, () => state);
    progress.note('a warning');
    jest.advanceTimersByTime(11_000);
    progress.end();
    expect(written).toEqual([
      'a warning\n',
      expect.stringMatching(/^sending: .*\n$/),
      expect.stringMatching(/^sending: /),
    ]);
  });
});
