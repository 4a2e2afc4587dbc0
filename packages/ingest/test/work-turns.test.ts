import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { createWorkTurns } from '../src/work-turns.ts';

/** Slices of 3 ms by a clock that goes on by 2 with each work. */
function turnsOf() {
  let ms = 0;
  const turns = createWorkTurns(3, () => ms);
  const done: string[] = [];
  const run = (name: string) =>
    turns.run(10, () => {
      ms += 2;
      done.push(name);
      return name;
    });
  return { turns, done, run };
}

const all = (found: (string | Promise<string>)[]) => Promise.all(found.map(async (one) => one));

test('work is done at once while there is time for it, and then in slices, one each turn of the loop', async () => {
  const { turns, done, run } = turnsOf();
  const found = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(run);
  expect(found.slice(0, 2)).toEqual(['a', 'b']);
  expect(done).toEqual(['a', 'b']);
  expect(turns.waitingBytes).toBe(50);
  await nextTurn();
  expect(done).toEqual(['a', 'b', 'c', 'd']);
  expect(turns.waitingBytes).toBe(30);
  await nextTurn();
  expect(done).toHaveLength(6);
  expect(await all(found)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
  expect(turns.waitingBytes).toBe(0);
  expect([run('h'), run('i')]).toEqual(['h', 'i']); // nothing is left over
});

test('what comes while others wait goes behind them', async () => {
  const { done, run } = turnsOf();
  const found = ['a', 'b', 'c', 'd', 'e'].map(run);
  await nextTurn();
  expect(done).toEqual(['a', 'b', 'c', 'd']);
  found.push(run('f'));
  expect(done).toHaveLength(4);
  await all(found);
  expect(done).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
});

test('each turn of the loop has its slice anew', async () => {
  const { run } = turnsOf();
  for (let turn = 0; turn < 3; turn++) {
    expect([run('a'), run('b')]).toEqual(['a', 'b']);
    await nextTurn();
  }
});

test('what work throws comes to who asked for it, and the others go on', async () => {
  const { turns, done, run } = turnsOf();
  const fail = () => {
    throw new Error('no such event');
  };
  expect(() => turns.run(10, fail)).toThrow('no such event');
  const [, , waiting] = [run('a'), run('b'), turns.run(10, fail), run('c')];
  await expect(waiting).rejects.toThrow('no such event');
  expect(done).toEqual(['a', 'b', 'c']);
  expect(turns.waitingBytes).toBe(0);
});
