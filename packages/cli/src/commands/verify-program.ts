import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import type { ExitCode } from '../errors.ts';

/** `wayline verify`: how the options are spelt; what it does is in `verify.ts`. */
export function addVerifyCommand(
  program: Command,
  { end, print }: { end(code: ExitCode): void; print(text: string): void },
): void {
  program
    .command('verify')
    .description('recounts what is stored against the ledger, the positions and the log')
    .option('--from <time>', 'from the hour of the log in which this time lies (default: the beginning)')
    .option('--to <time>', 'to the hour in which this time lies, inclusive unless it begins with it (default: now)')
    .option('--json', 'answer as one line of JSON')
    .addHelpText('after', HELP)
    .action(async (options: { from?: string; to?: string; json?: boolean }) => {
      const config = loadConfig('verify');
      end(await (await import('./verify.ts')).runVerify(config, options, print));
    });
}

const HELP = `
Reads the database of DATABASE_URL, else that of the \`wayline all\` of the data folder, over one snapshot; workers may be at
it meanwhile. The log is asked how far it goes, too: that of KAFKA_BROKERS, else the embedded one of the data folder. Events
are read whole: give it time, and a quiet hour. Ends with 1 if anything differs.`;
