import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import type { Answer } from './admin.ts';
import type { LimitOptions, ProjectOptions } from './admin-settings.ts';
import type { ThrottleOptions } from './set-throttle.ts';

interface Json {
  json?: boolean;
}

const JSON_OPTION = ['--json', 'answer as one line of JSON'] as const;
const PROJECT_OPTION = ['--project <slug>', 'the project of the key, where the id alone does not tell'] as const;

/** `wayline admin …` for what can be set for projects and keys; what they do is in `admin-settings.ts`. */
export function addSettingsCommands(admin: Command, answer: (options: Json, answer: Answer) => void): void {
  const load = () => import('./admin-settings.ts');

  admin
    .command('list-keys')
    .description('the write keys of a project, the newest first; also revoked ones')
    .requiredOption('--project <slug>', 'the project')
    .option(...JSON_OPTION)
    .action(async (options: Json & { project: string }) => {
      answer(options, await (await load()).listKeysCommand(loadConfig('admin'), options));
    });
  admin
    .command('revoke-key <key-or-id>')
    .description('from now on nothing is taken from the key; it cannot be taken back')
    .option(...PROJECT_OPTION)
    .option(...JSON_OPTION)
    .action(async (key: string, { project, ...options }: Json & { project?: string }) => {
      answer(options, await (await load()).revokeKeyCommand(loadConfig('admin'), { key, project }));
    });
  addLimitOptions(
    admin
      .command('set-key <key-or-id>')
      .description('sets limits and origins of one key, before those of its project; without options shows them')
      .option(...PROJECT_OPTION),
  ).action(async (key: string, { project, ...options }: Json & LimitOptions & { project?: string }) => {
    answer(options, await (await load()).setKeyCommand(loadConfig('admin'), { key, project, options }));
  });
  addLimitOptions(
    admin
      .command('set-project <slug>')
      .description('sets what holds for a project and all its keys; without options shows it')
      .option('--name <name>', 'its name for people')
      .option('--retention-days <n>', 'for so long its events are kept, or none: for ever')
      .option('--past-days <n>', 'how many days back the time of an event may lie, or none: 90')
      .option(
        '--allow-traits <on|off>',
        "whether traits of people (Segment's form) are kept, in the event's context; off",
      )
      .option('--disable', 'takes no events any more')
      .option('--enable', 'takes events again'),
  ).action(async (slug: string, options: Json & ProjectOptions) => {
    answer(options, await (await load()).setProjectCommand(loadConfig('admin'), { slug, options }));
  });
  admin
    .command('set-throttle')
    .description(
      'sets how much the running workers of WAYLINE_GROUP write, before what each is configured with; without options shows it',
    )
    .option('--rows-per-second <n>', 'events a second of each worker, or none')
    .option('--transactions <n>', 'transactions of a worker at a time, or none')
    .option('--batch-rows <n>', 'events in one transaction, or none')
    .option('--linger-ms <n>', 'how long a transaction waits for more events, or none')
    .option('--adaptive <on|off>', 'whether they give way by themselves while others ask PostgreSQL, or none')
    .option(...JSON_OPTION)
    .action(async (options: Json & ThrottleOptions) => {
      const { setThrottleCommand } = await import('./set-throttle.ts');
      answer(options, await setThrottleCommand(loadConfig('admin'), options));
    });
}

function addLimitOptions(command: Command): Command {
  return command
    .option('--origins <list>', 'pages of which origins may use it, with commas between, or any')
    .option('--requests-per-second <n>', 'of a key, in each ingest process, or none')
    .option('--events-per-second <n>', 'the same of events, or none')
    .option('--body-bytes <n>', 'the most bytes of a body after inflation, or none')
    .option(...JSON_OPTION);
}
