import { afterEach, expect, test } from '@jest/globals';
import { createPool, type Pool } from '@wayline/store';
import { authorization, exportedLines, underWay, until } from './export-reading.ts';
import { eventAt, type QueryUnderTest, startQuery } from './query-under-test.ts';

/** When the head of an answer is sent at the latest, ms. */
const HEAD_AFTER_MS = 5_000;

let query: QueryUnderTest;
let watcher: Pool;
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** An API whose database may be silent for so long; a lock keeps it so, as a long search would. */
async function startSilent(databaseMs: number): Promise<void> {
  query = await startQuery({ exports: { databaseMs } });
  closers.push(() => query.close());
  await query.store([eventAt(0)]);
  watcher = createPool({ url: query.databaseUrl, max: 2, applicationName: 'watcher' });
  closers.push(() => watcher.end());
  const holder = await watcher.connect();
  await holder.query('BEGIN; LOCK TABLE names IN ACCESS EXCLUSIVE MODE');
  closers.push(async () => {
    await holder.query('ROLLBACK');
    holder.release();
  });
}

const ask = async () => fetch(`${query.url}/v1/export`, { headers: await authorization() });

async function refusalOf(answer: Response): Promise<[status: number, code: string]> {
  return [answer.status, ((await answer.json()) as { code: string }).code];
}

/** Resolves when the API has nothing under way in the database any more. */
const untilQuiet = () => until(async () => (await underWay(watcher)).length === 0);

test('an export for which the database finds nothing is given up, and says so; its place is free again', async () => {
  await startSilent(1_000);
  const answers = await Promise.all([ask(), ask(), ask()]); // more than run at once
  expect((await Promise.all(answers.map(refusalOf))).sort()).toEqual([
    [503, 'database_unavailable'],
    [503, 'overloaded'],
    [503, 'overloaded'],
  ]);
  await untilQuiet();
  expect(await refusalOf(await ask())).toEqual([503, 'database_unavailable']);
  await closers.pop()?.();
  expect(await exportedLines(query, '/v1/export')).toHaveLength(1);
});

test('who waits for a long search is sent the head of the answer meanwhile; given up after it, it does not look whole', async () => {
  await startSilent(HEAD_AFTER_MS + 1_000);
  const answer = await ask();
  expect(answer.status).toBe(200);
  await expect(answer.text()).rejects.toThrow();
  await untilQuiet();
  expect(query.faults).toEqual([]);
});
