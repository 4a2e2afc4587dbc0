import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Closers, runProgram } from '@wayline/testkit';
import { plantBug } from './bugs/plant-bug.ts';
import { type Command, readCommand, USAGE } from './command-line.ts';
import type { FaultsReport } from './report/faults-report.ts';
import { faultsTable } from './report/faults-table.ts';
import { runFaults } from './run/run-faults.ts';

const PROGRAM = fileURLToPath(new URL('../../cli/bin/wayline.js', import.meta.url));

/**
 * Runs the suite: the table on standard output, how far it is on standard error.
 * @returns the exit code: 0, or 1 where something is wrong, or 2 after a wrong command line. With a planted bug it is the
 * other way round: 0 where it was found, and 1 where it was not
 */
export async function main(args: readonly string[]): Promise<number> {
  return runProgram(USAGE, async ({ closers, say }) => {
    const command = readCommand(args);
    say(`seed ${command.seed}`);
    const report = await run(closers, command, (sentence) => say(`· ${sentence}`));
    process.stdout.write(`${faultsTable(report)}\n`);
    for (const sentence of report.wrong) say(`WRONG ${sentence}`);
    if (command.json) await writeFile(command.json, `${JSON.stringify(report, null, 2)}\n`);
    const found = report.wrong.length > 0;
    if (!command.bug) return found ? 1 : 0;
    say(
      found ? `The planted bug ${command.bug.name} was found.` : `The planted bug ${command.bug.name} WAS NOT FOUND.`,
    );
    return found ? 0 : 1;
  });
}

async function run(closers: Closers, command: Command, tell: (sentence: string) => void): Promise<FaultsReport> {
  const { bug } = command;
  let program = PROGRAM;
  if (bug) {
    const copy = await plantBug(bug);
    closers.add(copy.remove);
    program = copy.program;
    tell(`the bug ${bug.name} is planted into a copy of ${bug.file}`);
  }
  return runFaults(closers, { ...command, program, tell, keepLogs: keepLogs(command, tell) });
}

function keepLogs({ logs }: Command, tell: (sentence: string) => void) {
  return async (written: ReadonlyMap<string, readonly string[]>): Promise<void> => {
    if (logs) await mkdir(logs, { recursive: true });
    const folder = logs ?? (await mkdtemp(join(tmpdir(), 'wayline-faults-logs-')));
    for (const [name, lines] of written) await writeFile(join(folder, `${name}.log`), `${lines.join('\n')}\n`);
    tell(`what the processes said is in ${folder}`);
  };
}
