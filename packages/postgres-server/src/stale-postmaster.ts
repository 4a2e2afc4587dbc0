import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresServerError } from './postgres-server-error.ts';
import { runningProcess } from './running-process.ts';
import { signalPostmaster } from './signal-postmaster.ts';

/** The setting on a server's command line that names the process that started it, as `pid.startedAt`. */
const OWNER_SETTING = 'wayline.owner';

/** Put on the command line of a server, so that whoever finds it running can tell whether its owner still does. */
export async function ownerSetting(): Promise<Record<string, string>> {
  const self = await runningProcess(process.pid);
  return { [OWNER_SETTING]: `${process.pid}.${self?.startedAt ?? ''}` };
}

async function findOwner(command: string): Promise<number | undefined> {
  const [, pid, startedAt] = new RegExp(`${OWNER_SETTING}=(\\d+)\\.(\\w*)`).exec(command) ?? [];
  if (pid === undefined) return undefined;
  const owner = await runningProcess(Number(pid));
  return owner && owner.startedAt === startedAt ? Number(pid) : undefined;
}

async function ends(pid: number, startedAt: string, patienceMs: number): Promise<boolean> {
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(20)) {
    if ((await runningProcess(pid))?.startedAt !== startedAt) return true;
  }
  return false;
}

/**
 * Makes sure that no server runs on the cluster. One whose owner has died (and whose guard did not stop it yet) is
 * stopped and awaited; a lock file that names an unrelated process is removed, as PostgreSQL would not start.
 * @throws PostgresServerError if the owner lives, or the server does not end
 */
export async function stopStalePostmaster(cluster: string, pgCtl: string): Promise<void> {
  const lockFile = join(cluster, 'postmaster.pid');
  const pid = Number.parseInt(await readFile(lockFile, 'utf8').catch(() => ''), 10);
  const found = await runningProcess(pid);
  if (!found) return; // PostgreSQL itself clears what a dead one left behind
  if (process.platform !== 'win32' && !(found.command.includes('postgres') && found.command.includes(cluster))) {
    await rm(lockFile, { force: true }); // the id was given to another process since
    return;
  }
  const owner = await findOwner(found.command);
  if (owner !== undefined) {
    const whom = owner === process.pid ? 'this process itself' : `process ${owner}`;
    throw new PostgresServerError(`The database in ${cluster} is in use: ${whom} runs its PostgreSQL (process ${pid})`);
  }
  try {
    for (const [signal, patienceMs] of [
      ['INT', 15_000],
      ['QUIT', 10_000],
      ['KILL', 5_000],
    ] as const) {
      await signalPostmaster(pid, signal, pgCtl);
      if (await ends(pid, found.startedAt, patienceMs)) return;
    }
  } catch (error) {
    const message = `A PostgreSQL (process ${pid}) left behind in ${cluster} belongs to another user: stop it first`;
    throw new PostgresServerError(message, { cause: error });
  }
  throw new PostgresServerError(`A PostgreSQL (process ${pid}) left behind in ${cluster} does not end: stop it first`);
}
