import { type Command, Option } from 'commander';
import { loadConfig } from '../config.ts';
import { type ExportOptions, FORMATS } from './export-options.ts';

/** `wayline export`: how the options are spelt; what it does is in `export.ts`. */
export function addExportCommand(program: Command): void {
  program
    .command('export')
    .description('writes the events of a session, a machine or a range of time, as fast as the output takes them')
    .option('--session <id>', 'of this session, in its order')
    .option('--machine <id>', 'of this machine, by its own clock')
    .option('--from <time>', 'from then on (RFC 3339); not with --session')
    .option('--to <time>', 'before then; not with --session')
    .option('--type <type>', 'of this type alone; not with --machine')
    .addOption(new Option('--format <format>', 'otlp and chrome: of a session').choices(FORMATS).default('ndjson'))
    .option('--escape-formulas', 'CSV: puts an apostrophe before what a spreadsheet would run as a formula')
    .option('--output <file>', 'into this file, which is there once it is whole (default: standard output)')
    .addHelpText('after', HELP)
    .action(async (options: ExportOptions) => {
      const config = loadConfig('export');
      await (await import('./export.ts')).exportCommand(config, options, process.stdout);
    });
}

const HELP = `
Talks to WAYLINE_URL with WAYLINE_TOKEN (scope read), else to the \`wayline all\` of the data folder. Says on standard error
through when it is complete. Ends with 1 if it broke off: what was written until then is not all.`;
