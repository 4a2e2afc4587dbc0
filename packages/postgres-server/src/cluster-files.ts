import { randomBytes } from 'node:crypto';
import { link, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PostgresServerError } from './postgres-server-error.ts';

/**
 * What the data folder holds: `cluster/` (PostgreSQL's own), `password` (mode 0600) and `port`.
 */
export interface ClusterFiles {
  cluster: string;
  password: string;
  port: string;
}

export function clusterFiles(dataDir: string): ClusterFiles {
  return { cluster: join(dataDir, 'cluster'), password: join(dataDir, 'password'), port: join(dataDir, 'port') };
}

/** Makes the names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return; // a folder cannot be opened there
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

/** The password in the file; a random one is put there if there is none. Of several that start at once, one wins. */
export async function ensurePassword(file: string): Promise<string> {
  const draft = `${file}.${process.pid}`;
  const handle = await open(draft, 'w', 0o600);
  try {
    await handle.writeFile(randomBytes(24).toString('hex'));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await link(draft, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(draft);
  return readPassword(file);
}

/** @throws PostgresServerError if it was lost */
export async function readPassword(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    const message = `The password of the database is missing: put ${file} back, it was made with the database and cannot be made again`;
    throw new PostgresServerError(message, { cause: error });
  });
  return text.trim();
}

/** The port of the last start, if there was one. */
export async function readPort(file: string): Promise<number | undefined> {
  const port = Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 10);
  return port > 0 && port < 65_536 ? port : undefined;
}

export async function writePort(file: string, port: number): Promise<void> {
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, `${port}\n`);
  await rename(draft, file);
}
