import { execFile } from 'node:child_process';
import { chown, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { PostgresServerError } from './postgres-server-error.ts';

const run = promisify(execFile);

/** How to start PostgreSQL's programs, which refuse to run as root. */
export interface RunAs {
  /** Put before the program and its arguments. */
  prefix: readonly string[];
  /** For `spawn`. */
  identity: { uid?: number; gid?: number };
}

const DIRECTLY: RunAs = { prefix: [], identity: {} };

// Another user only in name: the files stay root's, and folders that only root may enter stay reachable.
const IN_USER_NAMESPACE: RunAs = {
  prefix: ['unshare', '--user', '--map-user=65534', '--map-group=65534'],
  identity: {},
};

/** The program and its arguments as `spawn` takes them. */
export function commandLine(runAs: RunAs, program: string, args: readonly string[]): [string, string[]] {
  const [first = program, ...rest] = [...runAs.prefix, program, ...args];
  return [first, rest];
}

async function userByName(name: string): Promise<RunAs | undefined> {
  try {
    const id = async (flag: string) => Number((await run('id', [flag, name])).stdout);
    return { prefix: [], identity: { uid: await id('-u'), gid: await id('-g') } };
  } catch {
    return undefined;
  }
}

/** Whether that user can start the programs and write into the folder. */
async function works(runAs: RunAs, binaries: PostgresBinaries, folder: string): Promise<boolean> {
  const script = '"$1" --version >/dev/null && test -w "$2" && test -x "$2"';
  const [file, args] = commandLine(runAs, 'sh', ['-c', script, 'sh', binaries.postgres, folder]);
  return run(file, args, { ...runAs.identity, cwd: '/' }).then(
    () => true,
    () => false,
  );
}

/**
 * Chooses how to run PostgreSQL on a folder. An existing cluster decides by its owner; an empty folder is given to the
 * user that is chosen.
 * @throws PostgresServerError if there is no way
 */
export async function chooseRunAs(binaries: PostgresBinaries, folder: string, isNew: boolean): Promise<RunAs> {
  const uid = process.getuid?.();
  if (uid === undefined) return DIRECTLY;
  const owner = await stat(folder);
  if (uid !== 0) {
    if (owner.uid === uid) return DIRECTLY;
    throw new PostgresServerError(
      `The database in ${folder} belongs to the user with id ${owner.uid}: start as that user`,
    );
  }
  if (owner.uid !== 0) {
    const asOwner: RunAs = { prefix: [], identity: { uid: owner.uid, gid: owner.gid } };
    if (await works(asOwner, binaries, folder)) return asOwner;
    const message = `PostgreSQL must run as the owner of ${folder} (user id ${owner.uid}), who cannot reach it or the programs beside ${binaries.postgres}: start as that user, or let others enter the folders above (chmod o+x)`;
    throw new PostgresServerError(message);
  }
  if (process.platform === 'linux' && (await works(IN_USER_NAMESPACE, binaries, folder))) return IN_USER_NAMESPACE;
  if (isNew) {
    for (const name of ['postgres', 'nobody']) {
      const user = await userByName(name);
      if (user?.identity.uid === undefined || user.identity.gid === undefined) continue;
      await chown(folder, user.identity.uid, user.identity.gid);
      if (await works(user, binaries, folder)) return user;
    }
    await chown(folder, 0, 0);
  }
  const message = `PostgreSQL does not run as root, and neither a user namespace (unshare --user) nor the user postgres or nobody can use ${folder}: start as an ordinary user, or let others enter the folders above it and above ${binaries.postgres} (chmod o+x), or give DATABASE_URL`;
  throw new PostgresServerError(message);
}
