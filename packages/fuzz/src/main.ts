import { writeFile } from 'node:fs/promises';
import { type Closers, runProgram } from '@wayline/testkit';
import { type Command, readCommand, USAGE } from './command-line.ts';
import { fuzzDirect } from './run/fuzz-direct.ts';
import { fuzzDoors } from './run/fuzz-doors.ts';
import { emptyReport, type FuzzReport } from './run/fuzz-report.ts';

/** Parts of all inputs; bodies are the rest. */
const WIRE = 0.1;
const STREAM = 0.15;
const DIRECT = 0.2;

/**
 * Runs it: what was done on standard output, how far it is on standard error.
 * @returns the exit code: 0, or 1 where something is wrong, or 2 after a wrong command line
 */
export async function main(args: readonly string[]): Promise<number> {
  return runProgram(USAGE, async ({ closers, say }) => {
    const command = readCommand(args);
    say(`seed ${command.seed}`);
    const report = await run(closers, command, (sentence) => say(`· ${sentence}`));
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    for (const sentence of report.wrong) say(`WRONG ${sentence}`);
    if (command.json) await writeFile(command.json, `${JSON.stringify(report, null, 2)}\n`);
    return report.wrong.length > 0 ? 1 : 0;
  });
}

async function run(closers: Closers, { seed, inputs }: Command, progress: (sentence: string) => void) {
  const begun = performance.now();
  const folder = await closers.folder('fuzz');
  const report: FuzzReport = emptyReport(seed);
  const [wire, stream, direct] = [WIRE, STREAM, DIRECT].map((part) => Math.round(inputs * part)) as [
    number,
    number,
    number,
  ];
  const http = inputs - wire - stream - direct;
  await fuzzDoors({ closers, folder, seed, inputs: { http, wire, stream }, report, progress });
  progress('records straight to the log');
  await fuzzDirect({ closers, folder, seed, inputs: direct, report });
  report.seconds = Math.round((performance.now() - begun) / 1000);
  return report;
}
