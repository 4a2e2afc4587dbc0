import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { describeWithKafka, startProcess } from '@wayline/testkit';
import type { FaultsReport } from '../src/index.ts';

const PROGRAM = fileURLToPath(new URL('../bin/faults.js', import.meta.url));
/** One that is known to deal a fault of every area. */
const SEED = '5';
const FAULTS = 20;
/** By then it has ended by its own limits, even where it fails. */
const LATE_MS = 600_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-faults-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function faults(...args: string[]) {
  const run = startProcess(process.execPath, [PROGRAM, ...args]);
  const late = sleep(LATE_MS, undefined, { ref: false });
  const exit = await Promise.race([run.exited, late]);
  if (!exit) {
    await run.end('SIGKILL');
    throw new Error(`It was not over after ${LATE_MS / 60_000} minutes. What it said:\n${run.stderr.join('\n')}`);
  }
  const { code } = exit;
  return { code, stdout: run.stdout.join('\n'), stderr: run.stderr.join('\n') };
}

await describeWithKafka(
  'the fault suite, in its short form',
  () => {
    test('T6, T11, T13: through 20 faults, every acknowledged event is stored exactly once, and all books agree', async () => {
      const file = join(folder, 'faults.json');
      const { code, stdout, stderr } = await faults('--quick', '--seed', SEED, '--json', file);
      const report = JSON.parse(await readFile(file, 'utf8').catch(() => 'null')) as FaultsReport | null;
      if (!report) throw new Error(`It was not run to its end: ${stderr}`);
      expect(report.wrong).toEqual([]);
      expect(code).toBe(0);
      expect(report.faults).toBe(FAULTS);
      expect(report.acknowledged).toBeGreaterThan(5000);
      expect(report.stored).toBe(report.acknowledged);
      for (const { kind } of report.kinds) expect(stdout).toContain(kind);
      expect(stdout).toContain(`seed ${SEED}: ${FAULTS} faults`);
    }, 900_000);
  },
  { own: true },
);

describe('a wrong command line is said, with how it is meant:', () => {
  test.each([
    { args: ['--seed', 'x'], sentence: '--seed must be a whole number from 0 on, which "x" is not.' },
    { args: ['--faults', '0'], sentence: '--faults must be a whole number from 1 on, which "0" is not.' },
    { args: ['--bug', 'none'], sentence: 'There is no bug "none".' },
    { args: ['--only', 'earthquake'], sentence: 'No kind of fault is named like "earthquake".' },
    { args: ['--fast'], sentence: "Unknown option '--fast'" },
  ])('$args', async ({ args, sentence }) => {
    const { code, stderr } = await faults(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(sentence);
    expect(stderr).toContain('npm run faults -- [options]');
  });
});
