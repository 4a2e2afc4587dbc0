import { expect, test } from '@jest/globals';
import { forgetToken, keepToken, takeToken } from '../src/token.ts';

function tab(hash: string) {
  const kept = new Map<string, string>();
  const shown: string[] = [];
  return {
    kept,
    shown,
    location: { hash, pathname: '/dashboard/', search: '' },
    history: { replaceState: (_data: unknown, _unused: string, url: string) => void shown.push(url) },
    sessionStorage: {
      getItem: (name: string) => kept.get(name) ?? null,
      setItem: (name: string, value: string) => void kept.set(name, value),
      removeItem: (name: string) => void kept.delete(name),
    },
  };
}

test('a token in the address is kept for the tab, and taken out of the address', () => {
  const window = tab('#token=ab.c%2Bd');
  expect(takeToken(window)).toBe('ab.c+d');
  expect(window.shown).toEqual(['/dashboard/#/sessions']);
  window.location.hash = '#/ledger';
  expect(takeToken(window)).toBe('ab.c+d');
  expect(window.shown).toHaveLength(1);
});

test('a token that was pasted with space around it is kept without, until it is forgotten', () => {
  const window = tab('');
  expect(takeToken(window)).toBeUndefined();
  keepToken(window.sessionStorage, '  ab.c\n');
  expect(takeToken(window)).toBe('ab.c');
  forgetToken(window.sessionStorage);
  expect(takeToken(window)).toBeUndefined();
});
