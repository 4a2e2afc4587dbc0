import { unknownVariables } from './config.ts';
import { EXIT, type ExitCode } from './errors.ts';
import { createProgram, exitCodeOfParser } from './program.ts';
import { report, tell } from './report.ts';

/** Runs a command line (without node and the script) to its end, and answers with the exit code. */
export async function main(args: readonly string[]): Promise<ExitCode> {
  // `wayline all | head`: a reader that goes away is no fault of ours.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  for (const sentence of unknownVariables()) tell(sentence);

  let code: ExitCode = EXIT.stopped;
  const program = createProgram({
    end: (given) => {
      code = given;
    },
    print: (text) => process.stdout.write(`${text}\n`),
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    return exitCodeOfParser(error) ?? report(error);
  }
}
