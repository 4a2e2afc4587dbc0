import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import type { Answer } from './admin.ts';
import { addSettingsCommands } from './admin-settings-program.ts';
import { addUserDataCommands } from './user-data-program.ts';

interface Json {
  json?: boolean;
}

const JSON_OPTION = ['--json', 'answer as one line of JSON'] as const;

/** `wayline admin …`: how the options are spelt; what they do is in `admin.ts`. */
export function addAdminCommands(program: Command, print: (text: string) => void): void {
  const admin = program.command('admin').description('projects, keys and tokens, and what is set for them');
  const answer = ({ json }: Json, { fields, text }: Answer) => print(json ? JSON.stringify(fields) : text);

  admin
    .command('create-project <slug>')
    .description('makes a project: a tenant, whose events nobody else reads')
    .option('--name <name>', 'its name for people')
    .option(...JSON_OPTION)
    .action(async (slug: string, options: Json & { name?: string }) => {
      const { createProjectCommand } = await import('./admin.ts');
      answer(options, await createProjectCommand(loadConfig('admin'), { slug, name: options.name }));
    });
  admin
    .command('create-key')
    .description('makes a write key: it may send events of one project, and nothing else')
    .requiredOption('--project <slug>', 'the project that it writes to')
    .option('--name <name>', 'what it is for', 'unnamed')
    .option('--allow-import', 'may send times from 2000 on')
    .option(...JSON_OPTION)
    .action(async (options: Json & { project: string; name: string; allowImport?: boolean }) => {
      const { createKeyCommand } = await import('./admin.ts');
      answer(
        options,
        await createKeyCommand(loadConfig('admin'), { ...options, allowImport: options.allowImport ?? false }),
      );
    });
  admin
    .command('create-token')
    .description('makes an access token for one project')
    .requiredOption('--project <slug>', 'the project that it reads')
    .requiredOption('--scopes <list>', 'write, read, aggregation, admin; with commas between')
    .option('--expires <duration>', 'how long it is valid: 90m, 12h, 30d', '30d')
    .option(...JSON_OPTION)
    .action(async (options: Json & { project: string; scopes: string; expires: string }) => {
      const { createTokenCommand } = await import('./admin.ts');
      answer(options, await createTokenCommand(loadConfig('admin'), options));
    });
  admin
    .command('create-secret <file>')
    .description('makes a secret file for WAYLINE_SECRET_FILE, mode 0600; an existing one is left alone')
    .option(...JSON_OPTION)
    .action(async (file: string, options: Json) => {
      const { createSecretCommand } = await import('./admin.ts');
      answer(options, await createSecretCommand(file));
    });
  admin
    .command('forget-group <name>')
    .description('lets the embedded log remove what only a group that is gone for good has not read')
    .option(...JSON_OPTION)
    .action(async (name: string, options: Json) => {
      const { forgetGroupCommand } = await import('./forget-group.ts');
      answer(options, await forgetGroupCommand(loadConfig('admin'), name));
    });
  admin
    .command('apply-retention')
    .description('deletes what is expired now, as a worker does every minute, and tells what it was')
    .option(...JSON_OPTION)
    .action(async (options: Json) => {
      const { applyRetentionCommand } = await import('./apply-retention.ts');
      answer(options, await applyRetentionCommand(loadConfig('admin')));
    });
  admin
    .command('unattributed [id]')
    .description('dead letters whose project cannot be told: the newest, or one of them; nobody else sees them')
    .option(...JSON_OPTION)
    .action(async (id: string | undefined, options: Json) => {
      const { unattributedCommand } = await import('./unattributed.ts');
      answer(options, await unattributedCommand(loadConfig('admin'), id));
    });
  addSettingsCommands(admin, answer);
  addUserDataCommands(admin, answer);
}
