import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startProcess } from '@wayline/testkit';
import { type FuzzReport, HTTP_DOORS } from '../src/index.ts';

const PROGRAM = fileURLToPath(new URL('../bin/fuzz.js', import.meta.url));
const INPUTS = 4000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-fuzz-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function fuzz(...args: string[]) {
  const run = startProcess(process.execPath, [PROGRAM, ...args]);
  const { code } = await run.exited;
  return { code, stdout: run.stdout.join('\n'), stderr: run.stderr.join('\n') };
}

describe('the fuzz run, in its short form', () => {
  test('T6, T8, issue 6: whatever is sent to any door, nothing fails, hangs or is lost once it was acknowledged', async () => {
    const file = join(folder, 'fuzz.json');
    const { code, stderr } = await fuzz('--inputs', String(INPUTS), '--seed', '1', '--json', file);
    const report = JSON.parse(await readFile(file, 'utf8').catch(() => 'null')) as FuzzReport | null;
    if (!report) throw new Error(`It was not run to its end: ${stderr}`);
    expect(report.wrong).toEqual([]);
    expect(code).toBe(0);
    expect(report.inputs).toBe(INPUTS);
    // It comes through to what it is there for: each door takes some, and refuses some.
    for (const name of [...HTTP_DOORS.map((door) => door.name), 'WebSocket', 'straight to the log']) {
      expect([name, report.doors[name]]).toEqual([name, expect.any(Number)]);
    }
    for (const outcome of ['HTTP 202', 'HTTP 400', 'HTTP 422', 'frame answered', 'dead letter unreadable']) {
      expect([outcome, report.outcomes[outcome]]).toEqual([outcome, expect.any(Number)]);
    }
    expect(report.acknowledged).toBeGreaterThan(500);
    expect(report.stored).toBeGreaterThan(500);
  }, 300_000);
});

describe('a wrong command line is said, with how it is meant:', () => {
  test.each([
    { args: ['--seed', 'x'], sentence: '--seed must be a whole number from 0 on, which "x" is not.' },
    { args: ['--inputs', '10'], sentence: '--inputs must be a whole number from 100 on, which "10" is not.' },
    { args: ['--fast'], sentence: "Unknown option '--fast'" },
  ])('$args', async ({ args, sentence }) => {
    const { code, stderr } = await fuzz(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(sentence);
    expect(stderr).toContain('npm run fuzz -- [options]');
  });
});
