import { Command, Option } from 'commander';
import { addAdminCommands } from './commands/admin-program.ts';
import { addDeadLetterCommands } from './commands/dead-letters-program.ts';
import { addExportCommand } from './commands/export-program.ts';
import { addImportCommand } from './commands/import-program.ts';
import { addVerifyCommand } from './commands/verify-program.ts';
import { loadConfig } from './config.ts';
import { EXIT, type ExitCode, UsageError } from './errors.ts';
import { readVersion } from './version.ts';

/** What a command is handed besides its own options. */
export interface CommandContext {
  /** Takes the exit code; 0 if it is never called. */
  end(code: ExitCode): void;
  /** Writes to standard output. */
  print(text: string): void;
}

/**
 * The command line. What a command needs is loaded when it runs, so that `--help` is quick, and no command waits for
 * the libraries of another.
 */
export function createProgram({ end, print }: CommandContext): Command {
  const program = new Command('wayline')
    .description('Event tracking that keeps every event it acknowledged, exactly once.')
    .version(readVersion())
    .exitOverride()
    .addHelpText('after', '\nConfiguration is by environment variables: see docs/configuration.md.');

  program
    .command('all')
    .description('everything in one process, on an embedded log and PostgreSQL')
    .action(async () => {
      const config = loadConfig('all');
      end(await (await import('./commands/all.ts')).runAll(config, print));
    });
  program
    .command('ingest')
    .description('takes events over HTTP into the log')
    .action(async () => {
      const config = loadConfig('ingest');
      end(await (await import('./commands/ingest.ts')).runIngest(config));
    });
  program
    .command('worker')
    .description('stores the log into PostgreSQL')
    .action(async () => {
      const config = loadConfig('worker');
      end(await (await import('./commands/worker.ts')).runWorker(config));
    });
  program
    .command('query')
    .description('serves the trace API from PostgreSQL')
    .action(async () => {
      const config = loadConfig('query');
      end(await (await import('./commands/query.ts')).runQuery(config));
    });
  program
    .command('migrate')
    .description('brings the database schema up to this version')
    .addOption(new Option('--down <n>', 'takes back the last N migrations instead').argParser(wholeNumber))
    .action(async (options: { down?: number }) => {
      const config = loadConfig('migrate');
      print(await (await import('./commands/migrate.ts')).runMigrate(config, options));
    });
  addImportCommand(program, end);
  addExportCommand(program);
  addDeadLetterCommands(program, { end, print });
  addAdminCommands(program, print);
  addVerifyCommand(program, { end, print });
  return program;
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError(`--down must be a whole number from 1, which "${text}" is not.`);
}

/** The exit code of what `parseAsync` threw, if it was the parser itself: it has told the user already. */
export function exitCodeOfParser(error: unknown): ExitCode | undefined {
  const { code, exitCode } = error as { code?: unknown; exitCode?: unknown };
  if (typeof code !== 'string' || !code.startsWith('commander.')) return undefined;
  return exitCode === 0 ? EXIT.stopped : EXIT.usage;
}
