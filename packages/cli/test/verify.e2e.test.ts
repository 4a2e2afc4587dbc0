import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Pool } from '@wayline/store';
import { runWayline } from '@wayline/testkit';
import type { DevFile } from '../src/dev-file.ts';
import { type AllInOne, createAllInOne } from './all-in-one.ts';
import { nothingPending } from './distributed.ts';

const HOUR_MS = 3_600_000;

let all: AllInOne;
let dev: DevFile;
let pool: Pool;

beforeAll(async () => {
  all = await createAllInOne();
  ({ dev } = await all.start());
  pool = await all.openPool(2);
  await send(50);
  await nothingPending(dev.url, dev.token);
}, 120_000);
afterAll(async () => {
  await pool?.end();
  await all?.close();
});

/** @returns the status of the answer */
async function send(count: number): Promise<number> {
  const headers = { authorization: `Bearer ${dev.writeKey}`, 'content-type': 'application/json' };
  const events = Array.from({ length: count }, (_, n) => ({ sessionId: `s-${n % 20}`, type: 'click', userId: 'u' }));
  return (await fetch(`${dev.url}/v1/events`, { method: 'POST', headers, body: JSON.stringify(events) })).status;
}

const verify = (...args: string[]) =>
  runWayline(['verify', ...args], { env: { WAYLINE_DATA_DIR: all.dataDir }, cwd: all.folder });

/** Does what a fault might do to the database, and takes it back afterwards. */
async function having(fault: string, undo: string, look: () => Promise<void>): Promise<void> {
  await pool.query(fault);
  try {
    await look();
  } finally {
    await pool.query(undo);
  }
}

describe('T11: wayline verify, beside a running wayline all', () => {
  test('recounts everything, the log included, and says that it agrees', async () => {
    const { code, stdout, stderr } = await verify();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('Everything agrees.');
    const told = JSON.parse((await verify('--json')).stdout);
    expect(told).toMatchObject({ agrees: true, pending: 0, notes: [], from: null, to: null });
    expect(told.checks.map(({ check }: { check: string }) => check)).toEqual([
      'ledger',
      'batches',
      'offsets',
      'origins',
      'sessions',
      'rollups',
      'users',
      'log',
    ]);
    expect(told.checks.at(-1)).toMatchObject({ compared: 24, different: 0 });
  });

  test('agrees while events are stored, and takes nothing from those who write the log', async () => {
    let over = false;
    const sent: number[] = [];
    const load = (async () => {
      while (!over) sent.push(await send(100));
    })();
    for (let round = 0; round < 3; round++) {
      const { code, stdout } = await verify('--json');
      expect({ code, differ: JSON.parse(stdout).checks.filter((c: { different: number }) => c.different) }).toEqual({
        code: 0,
        differ: [],
      });
    }
    over = true;
    await load;
    expect(new Set(sent)).toEqual(new Set([202]));
    await nothingPending(dev.url, dev.token);
    const { rows } = await pool.query('SELECT count(*) AS n FROM events');
    expect(rows).toEqual([{ n: 50 + 100 * sent.length }]);
  });

  test('ends with 1 where something differs, and says what, where, and by how much', async () => {
    const where = `topic = 'wayline.events' AND next_offset = (SELECT max(next_offset) FROM positions)`;
    const { rows } = await pool.query(`SELECT partition, next_offset AS "end" FROM positions WHERE ${where} LIMIT 1`);
    const { partition, end } = rows[0];
    const at = `topic = 'wayline.events' AND partition = ${partition}`;
    await having(
      `UPDATE positions SET next_offset = next_offset + 1000 WHERE ${at}`,
      `UPDATE positions SET next_offset = next_offset - 1000 WHERE ${at}`,
      async () => {
        const { code, stdout } = await verify();
        expect(code).toBe(1);
        expect(stdout).toContain('DIFFER');
        expect(stdout).toMatch(
          new RegExp(
            `log +stored position after the end of the log +${end + 1000} +${end} +wayline.events/${partition}`,
          ),
        );
      },
    );
    expect((await verify()).code).toBe(0);
  });

  test('looks at the hours of --from and --to alone', async () => {
    const thisHour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
    const iso = (ms: number) => new Date(ms).toISOString();
    await having('UPDATE ledger SET stored = stored + 1', 'UPDATE ledger SET stored = stored - 1', async () => {
      expect((await verify('--from', iso(thisHour - HOUR_MS))).code).toBe(1);
      const before = await verify('--from', iso(0), '--to', iso(thisHour - 2 * HOUR_MS), '--json');
      expect(before.code).toBe(0);
      expect(JSON.parse(before.stdout)).toMatchObject({ agrees: true, to: iso(thisHour - 2 * HOUR_MS) });
      // An hour is looked at whole.
      const cut = await verify('--from', iso(thisHour - 2 * HOUR_MS - 1), '--json');
      expect(JSON.parse(cut.stdout)).toMatchObject({ agrees: false, from: iso(thisHour - 3 * HOUR_MS) });
    });
  });

  test('where the data folder holds another log than the database was stored from, that is said', async () => {
    await having(
      `UPDATE positions SET log_id = 'other ' || log_id`,
      `UPDATE positions SET log_id = substr(log_id, 7)`,
      async () => {
        const told = JSON.parse((await verify('--json')).stdout);
        expect(told).toMatchObject({ pending: null, notes: [expect.stringContaining('nothing of the log in')] });
      },
    );
  });

  test.each([
    { args: ['--from', 'yesterday'], says: '--from must be a time such as' },
    { args: ['--to', '2026-02-30T00:00:00Z'], says: '--to must be a time such as' },
    { args: ['--from', '2026-01-02T00:00:00Z', '--to', '2026-01-01T00:00:00Z'], says: '--from must lie before --to' },
    { args: ['--hours', '3'], says: "unknown option '--hours'" },
    { args: ['everything'], says: 'too many arguments' },
  ])('$args is wrong usage: exit code 2 and a sentence', async ({ args, says }) => {
    const { code, stdout, stderr } = await verify(...args);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringContaining(says) });
  });

  test('in a folder of nothing it is said what to do', async () => {
    const env = { WAYLINE_DATA_DIR: `${all.folder}/nothing` };
    expect(await runWayline(['verify'], { env })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('set DATABASE_URL, or start `wayline all`'),
    });
  });
});
