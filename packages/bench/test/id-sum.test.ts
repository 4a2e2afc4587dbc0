import { expect, test } from '@jest/globals';
import { IdSum } from '../src/compare/id-sum.ts';

const A = '019a0000-0000-7000-8000-ffffffffffff';
const B = '019a0000-0000-7000-8000-000000000001';
const C = '019a0000-0000-7000-8000-ABCDEF000002';

function sumOf(...ids: string[]): IdSum {
  const sum = new IdSum();
  for (const id of ids) sum.add(id);
  return sum;
}

test('ids have the same sum in any order', () => {
  expect(sumOf(A, B, C).sum).toBe(sumOf(C, A, B).sum);
  expect(sumOf(A, B, C).count).toBe(3);
});

test('one id in place of another changes it', () => {
  expect(sumOf(A, B).sum).not.toBe(sumOf(A, C).sum);
});

test('it is exact also beyond what a double holds', () => {
  const sum = new IdSum();
  for (let i = 0; i < 100_000; i++) sum.add(A);
  expect(sum.sum).toBe(String(100_000n * 0xffff_ffff_ffffn));
});
