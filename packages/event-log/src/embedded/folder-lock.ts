import { link, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LogSetupError } from '../event-log.ts';
import { isRunning, ownIdentity, type ProcessIdentity } from './running-process.ts';

export interface FolderLock {
  release(): Promise<void>;
}

const PREFIX = 'lock.';
const HEARTBEAT_MS = 1_000;
const SILENT_MS = 4_000;
const ENDING_MS = 10_000;

async function lockNumbers(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  const numbers = names.filter((name) => /^lock\.\d+$/.test(name)).map((name) => Number(name.slice(PREFIX.length)));
  return numbers.sort((a, b) => a - b);
}

/**
 * Undefined where nobody holds it: empty, it was released. It gets its name when it is written: what cannot be read was
 * left so by the machine's end, which was its holder's, too.
 */
async function readHolder(file: string): Promise<ProcessIdentity | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  try {
    const holder = JSON.parse(text) as ProcessIdentity | null;
    return typeof holder?.pid === 'number' ? holder : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the heart of a holder beats that runs in another container, or did not for long enough. */
async function heartBeats(file: string): Promise<boolean> {
  const beat = async () => (await stat(file).catch(() => undefined))?.mtimeMs;
  const first = await beat();
  for (const deadline = Date.now() + SILENT_MS; Date.now() < deadline; await sleep(250)) {
    if ((await beat()) !== first) return true;
  }
  return false;
}

/** Whether the holder runs, once one that was just killed is quite gone: its last write may still be under way. */
async function settled(holder: ProcessIdentity, self: ProcessIdentity): Promise<boolean | 'unknown'> {
  for (const deadline = Date.now() + ENDING_MS; ; await sleep(20)) {
    const running = await isRunning(holder, self);
    if (running !== 'ending') return running;
    if (Date.now() >= deadline) return true;
  }
}

async function refuseIfHeld(folder: string, file: string, self: ProcessIdentity): Promise<void> {
  const holder = await readHolder(file);
  if (!holder) return;
  const running = await settled(holder, self);
  const beats = running === 'unknown' && (await heartBeats(file));
  if (running === false || (running === 'unknown' && !beats)) return;
  const who =
    running === 'unknown'
      ? `process ${holder.pid} of another container`
      : holder.pid === self.pid
        ? 'this process itself'
        : `process ${holder.pid}`;
  throw new LogSetupError(`The event log in ${folder} is in use by ${who}: stop it first, or use another data folder`);
}

/**
 * Takes the folder for this process, until it is released or the process ends, however it ends.
 *
 * The lock is the file `lock.N` of the highest N. To take over from a holder that is gone is to make `lock.N+1`, which
 * only one can; the highest is never removed, so that nobody can remove what another has just taken.
 * @throws LogSetupError if a living process holds it
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const self = await ownIdentity();
  const draft = join(folder, `.${PREFIX}${self.pid}.${Math.random().toString(36).slice(2)}`);
  await writeFile(draft, JSON.stringify(self), { mode: 0o600 });
  try {
    for (;;) {
      const highest = (await lockNumbers(folder)).at(-1);
      if (highest !== undefined) await refuseIfHeld(folder, join(folder, `${PREFIX}${highest}`), self);
      const number = (highest ?? 0) + 1;
      const file = join(folder, `${PREFIX}${number}`);
      const made = await link(draft, file).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'EEXIST') return false;
          throw error;
        },
      );
      if (!made) continue;
      const numbers = await lockNumbers(folder);
      if (numbers.at(-1) !== number) {
        await rm(file, { force: true }); // made after others had come and gone above it
        continue;
      }
      for (const lower of numbers.slice(0, -1)) await rm(join(folder, `${PREFIX}${lower}`), { force: true });
      return hold(file);
    }
  } finally {
    await rm(draft, { force: true });
  }
}

function hold(file: string): FolderLock {
  const heart = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => {}); // only containers look at it
  }, HEARTBEAT_MS);
  heart.unref();
  return {
    async release() {
      clearInterval(heart);
      await writeFile(file, '');
    },
  };
}
