import { expect, test } from '@jest/globals';
import { linkTo, parseRoute } from '../src/route.ts';

test('a link leads where it was made for, whatever the id contains', () => {
  for (const id of ['plain', 'a/b?c#d&e=f', 'ünïcode 100 %', '..']) {
    const query = { userId: 'u&1', from: '2026-01-31T12:00' };
    expect(parseRoute(linkTo(['sessions', id], query))).toEqual({ path: ['sessions', id], query });
  }
});

test('empty values are left out of a link', () => {
  expect(linkTo(['sessions'], { userId: '', cursor: undefined, app: 'shop' })).toBe('#/sessions?app=shop');
});

test('no address is the beginning, and a broken percent code is taken as it stands', () => {
  expect(parseRoute('')).toEqual({ path: [], query: {} });
  expect(parseRoute('#/machines/%E0%A4')).toEqual({ path: ['machines', '%E0%A4'], query: {} });
});
