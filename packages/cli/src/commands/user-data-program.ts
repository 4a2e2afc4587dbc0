import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import type { Answer } from './admin.ts';

interface Json {
  json?: boolean;
}

/** `wayline admin erase-user` and `export-user`; what they do is in `user-data.ts`. */
export function addUserDataCommands(admin: Command, answer: (options: Json, answer: Answer) => void): void {
  admin
    .command('erase-user <id>')
    .description('erases all that is stored of a user, and drops what is read of it later; tells how much it was')
    .requiredOption('--project <slug>', 'the project')
    .option('--before <time>', 'only what was received before; by default all until now')
    .option('--json', 'answer as one line of JSON')
    .action(async (userId: string, { project, before, ...options }: Json & { project: string; before?: string }) => {
      const { eraseUserCommand } = await import('./user-data.ts');
      answer(options, await eraseUserCommand(loadConfig('admin'), { project, userId, before }));
    });
  admin
    .command('export-user <id>')
    .description('writes all that is stored of a user to standard output, a line of JSON for each thing')
    .requiredOption('--project <slug>', 'the project')
    .action(async (userId: string, { project }: { project: string }) => {
      const { exportUserCommand } = await import('./user-data.ts');
      await exportUserCommand(loadConfig('admin'), { project, userId }, process.stdout);
    });
}
