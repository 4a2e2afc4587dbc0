import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Closers, type SmallDisk, smallDisksPossible, startOnSmallDisk, startProcess } from '@wayline/testkit';

/** A real PostgreSQL that can be crashed, copied, restored and, where small disks are possible, left without room. */
export interface Database {
  /** Straight to it; the same over restarts. */
  readonly url: string;
  /** Its disk, where it has one of its own. */
  readonly disk: SmallDisk | undefined;
  /** Starts it if it is not running; tries again for a while. */
  start(): Promise<void>;
  /** As `pg_ctl stop -m immediate`: as after a loss of power, the next start recovers. */
  stopImmediately(): Promise<void>;
  /** SIGKILL to the postmaster. */
  kill(): Promise<void>;
  /** Copies the data folder of the stopped server; it can be brought back as often as one likes. */
  keepCopy(name: string): Promise<void>;
  restoreCopy(name: string): Promise<void>;
}

const HOLDER = fileURLToPath(new URL('../../dist/scene/database-holder.js', import.meta.url));
const ACTION_MS = 120_000;
const START_MS = 60_000;

export async function openDatabase(closers: Closers, folder: string, diskBytes: number): Promise<Database> {
  const disk = join(folder, 'disk');
  await mkdir(disk);
  const command = [process.execPath, HOLDER, join(disk, 'postgres'), join(folder, 'copies')] as const;
  const small = (await smallDisksPossible())
    ? await startOnSmallDisk({ folder: disk, bytes: diskBytes }, [...command])
    : undefined;
  const holder = small?.process ?? startProcess(command[0], command.slice(1));
  const [, port] = await holder.waitForLine(/^listening (\d+)$/);

  async function tell(action: string, name = ''): Promise<{ url?: string }> {
    const response = await fetch(`http://127.0.0.1:${port}/${action}?name=${name}`, {
      method: 'POST',
      signal: AbortSignal.timeout(ACTION_MS),
    });
    const answer = (await response.json()) as { url?: string; error?: string };
    if (!response.ok) throw new Error(`PostgreSQL, ${action}: ${answer.error}`);
    return answer;
  }

  closers.add(async () => {
    await tell('end').catch(() => {});
    await holder.end();
  });
  const { url } = await tell('start');
  return {
    url: url as string,
    disk: small,
    async start() {
      for (const deadline = Date.now() + START_MS; ; await sleep(500)) {
        try {
          await tell('start');
          return;
        } catch (error) {
          if (Date.now() > deadline) throw error;
        }
      }
    },
    stopImmediately: async () => void (await tell('stop')),
    kill: async () => void (await tell('kill')),
    keepCopy: async (name) => void (await tell('keep', name)),
    restoreCopy: async (name) => void (await tell('restore', name)),
  };
}
