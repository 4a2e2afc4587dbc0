import { type Command, Option } from 'commander';
import { loadConfig } from '../config.ts';
import { type ExitCode, UsageError } from '../errors.ts';
import type { ImportCommandOptions } from './import.ts';

const FORMATS = ['ndjson', 'access-log'] as const satisfies readonly ImportCommandOptions['format'][];
const MOST_AT_A_TIME = 64;
const NAME_LENGTH = 128;

/** `wayline import`: how the options are spelt; what it does is in `import.ts`. */
export function addImportCommand(program: Command, end: (code: ExitCode) => void): void {
  program
    .command('import [file]')
    .description('sends history to a running Wayline: a file, gzipped or not, or standard input')
    .addOption(new Option('--format <format>', 'what a line is').choices(FORMATS).default('ndjson'))
    .addOption(new Option('--source <name>', 'access logs: the name of the app (default: "website")').argParser(name))
    .option('--salt-file <file>', 'access logs: the secret behind the pseudonyms (default: kept in the data folder)')
    .option('--rejects <file>', 'where every refused line is told, as NDJSON')
    .addOption(new Option('--concurrency <n>', 'requests at a time (default: 4)').argParser(requestsAtATime))
    .addHelpText('after', HELP)
    .action(async (file: string | undefined, options: ImportCommandOptions) => {
      const config = loadConfig('import');
      end(await (await import('./import.ts')).runImportCommand(config, file, options));
    });
}

const HELP = `
Talks to WAYLINE_URL with WAYLINE_KEY or WAYLINE_TOKEN, else to the \`wayline all\` of the data folder. May be stopped and
run again with the same input: nothing is stored twice. Ends with 1 if a line was refused.

access-log reads the combined format of Apache and nginx. Its sessions do not reach over files, so give the parts of
one log together, the oldest first: zcat -f access.log.2.gz access.log.1 | wayline import --format access-log`;

function name(text: string): string {
  if (text !== '' && [...text].length <= NAME_LENGTH && text.isWellFormed()) return text;
  throw new UsageError(`--source must be a name of 1 to ${NAME_LENGTH} characters.`);
}

function requestsAtATime(text: string): number {
  const number = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= MOST_AT_A_TIME) return number;
  throw new UsageError(`--concurrency must be a whole number from 1 to ${MOST_AT_A_TIME}, which "${text}" is not.`);
}
