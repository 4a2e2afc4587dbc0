import { type Command, Option } from 'commander';
import { loadConfig } from '../config.ts';
import { type ExitCode, UsageError } from '../errors.ts';
import type { Answer } from './admin.ts';
import type { Outcome, Selection } from './dead-letters.ts';

interface Json {
  json?: boolean;
}

interface Context {
  end(code: ExitCode): void;
  print(text: string): void;
}

const JSON_OPTION = ['--json', 'answer as one line of JSON'] as const;

/** `wayline dead-letters …`: how the options are spelt; what they do is in `dead-letters.ts`. */
export function addDeadLetterCommands(program: Command, { end, print }: Context): void {
  const group = program
    .command('dead-letters')
    .description('records that could not be stored: why, and what is to become of them')
    .addHelpText('after', HELP);
  const load = async () => ({ commands: await import('./dead-letters.ts'), config: loadConfig('dead-letters') });
  const answer = ({ json }: Json, { fields, text }: Answer) => print(json ? JSON.stringify(fields) : text);
  const finish = (options: Json, outcome: Outcome) => {
    answer(options, outcome);
    end(outcome.exitCode);
  };

  withFilters(group.command('list').description('lists them, the newest first'))
    .addOption(new Option('--limit <n>', 'at most so many').default(100).argParser(wholeNumber))
    .option(...JSON_OPTION)
    .action(async (options: Json & Selection & { limit: number }) => {
      const { commands, config } = await load();
      answer(options, await commands.listDeadLetters(config, options));
    });
  withFilters(group.command('causes').description('counts them by what they have in common'))
    .option(...JSON_OPTION)
    .action(async (options: Json & Selection) => {
      const { commands, config } = await load();
      answer(options, await commands.deadLetterCauses(config, options));
    });
  group
    .command('show <id>')
    .description('shows one with its bytes and headers')
    .option('--event', 'prints the event alone, to be edited')
    .option(...JSON_OPTION)
    .action(async (id: string, options: Json & { event?: boolean }) => {
      const { commands, config } = await load();
      answer(options, await commands.showDeadLetter(config, id, options.event ?? false));
    });
  withFilters(group.command('replay [ids...]').description('appends them to the log again; nothing is stored twice'))
    .option('--all', 'all that are open')
    .option('--event <file>', 'replays one with this event in its place; - is standard input')
    .option('--dry-run', 'only says what would come of it')
    .option('--ignore-key', 'also where the write key was revoked, or is not valid any more')
    .option(...JSON_OPTION)
    .action(
      async (ids: string[], options: Json & Selection & { event?: string; dryRun?: boolean; ignoreKey?: boolean }) => {
        const { commands, config } = await load();
        finish(options, await commands.replayDeadLetters(config, ids, options));
      },
    );
  withFilters(group.command('discard [ids...]').description('marks those open as not wanted; their bytes stay'))
    .option('--all', 'all that are open')
    .option(...JSON_OPTION)
    .action(async (ids: string[], options: Json & Selection) => {
      const { commands, config } = await load();
      finish(options, await commands.discardDeadLetters(config, ids, options));
    });
}

const HELP = `
Talks to WAYLINE_URL with WAYLINE_TOKEN (scope admin), else to the \`wayline all\` of the data folder. Without --state those
are meant that are open. replay and discard want ids, a filter, or --all. Ends with 1 if one was refused.

To mend one: wayline dead-letters show 7 --event > event.json, edit it, then
  wayline dead-letters replay 7 --event event.json --dry-run`;

function withFilters(command: Command): Command {
  return command
    .addOption(new Option('--state <state>', 'which of them').choices(['open', 'replayed', 'discarded', 'all']))
    .option('--code <code>', 'those with this reason')
    .option('--cause <cause>', 'those with this cause, as `causes` names it')
    .option('--topic <topic>', 'those from this topic')
    .option('--session <id>', 'those of this session')
    .option('--from <time>', 'those that the log took from then on (RFC 3339)')
    .option('--to <time>', 'those that the log took before');
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new UsageError(`--limit must be a whole number from 1, which "${text}" is not.`);
}
