import { execFile } from 'node:child_process';
import { chown, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type ClusterFiles, ensurePassword, syncFolder } from './cluster-files.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { PostgresServerError } from './postgres-server-error.ts';
import { chooseRunAs, commandLine, type RunAs } from './run-as.ts';

const run = promisify(execFile);

/** The superuser of a cluster; the owner of all that is made in it. */
export const POSTGRES_USER = 'wayline';

const DRAFT_AGE_MS = 10 * 60_000;

/** Removes what starts that were interrupted left behind. Young drafts may be somebody's who starts at the same time. */
async function removeDrafts(files: ClusterFiles): Promise<void> {
  const folder = dirname(files.cluster);
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${basename(files.cluster)}.new-`)) continue;
    const draft = join(folder, name);
    const age = Date.now() - (await stat(draft).then((found) => found.mtimeMs, Date.now));
    if (age > DRAFT_AGE_MS) await rm(draft, { recursive: true, force: true });
  }
}

async function initdb(binaries: PostgresBinaries, runAs: RunAs, folder: string, password: string): Promise<void> {
  const passwordFile = `${folder}.password`;
  await writeFile(passwordFile, password, { mode: 0o600 });
  try {
    const { uid, gid } = runAs.identity;
    if (uid !== undefined && gid !== undefined) await chown(passwordFile, uid, gid);
    const args = [`--pgdata=${folder}`, `--username=${POSTGRES_USER}`, `--pwfile=${passwordFile}`];
    args.push('--auth=scram-sha-256', '--encoding=UTF8', '--locale=C'); // the same order of texts on every machine
    args.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8');
    const [file, all] = commandLine(runAs, binaries.initdb, args);
    await run(file, all, { ...runAs.identity, cwd: '/' });
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    const reason = stderr.split('\n').find((line) => /error|fatal|could not|No space/i.test(line)) ?? String(error);
    throw new PostgresServerError(`A new database could not be made in ${folder}: ${reason.trim()}`, { cause: error });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function checkVersion(cluster: string, binaries: PostgresBinaries, version: string): Promise<void> {
  const { stdout } = await run(binaries.postgres, ['--version']);
  const [, major] = /\) (\d+)/.exec(stdout) ?? [];
  if (major === version.trim()) return;
  const message = `The database in ${cluster} was made by PostgreSQL ${version.trim()}, and this program brings ${major}: dump it with its own version and restore it into a new data folder`;
  throw new PostgresServerError(message);
}

/**
 * Makes the cluster if there is none, whole or not at all: initdb, which syncs what it wrote, works beside the place,
 * and the result is moved there.
 * @returns how to run PostgreSQL on it
 */
export async function ensureCluster(files: ClusterFiles, binaries: PostgresBinaries): Promise<RunAs> {
  const version = await readFile(join(files.cluster, 'PG_VERSION'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (version !== undefined) {
    await checkVersion(files.cluster, binaries, version);
    return chooseRunAs(binaries, files.cluster, false);
  }
  await removeDrafts(files);
  const password = await ensurePassword(files.password);
  const draft = await mkdtemp(`${files.cluster}.new-`);
  try {
    const runAs = await chooseRunAs(binaries, draft, true);
    await initdb(binaries, runAs, draft, password);
    await rename(draft, files.cluster).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error; // another was quicker, and its own will do
    });
    await syncFolder(dirname(files.cluster));
    return runAs;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
