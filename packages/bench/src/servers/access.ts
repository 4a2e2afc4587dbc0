import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Closers, createTestDatabase, runWayline, startTcpProxy, startWayline } from '@wayline/testkit';
import { IMAGE_ENV } from './image-env.ts';

/** What Wayline's processes need to be started, and to be let in. */
export interface Access {
  /** For what is kept as long as the benchmark runs. */
  folder: string;
  env: Readonly<Record<string, string>>;
  writeKey: string;
  /** A PostgreSQL that can go away. */
  database: {
    url: string;
    cut(): void;
    resume(): void;
  };
}

/** What `wayline all` prints when it is ready, with its address. */
export const READY = /^Wayline is ready .*: (http\S+)$/;

/** Makes secrets, a database and a write key. */
export async function openAccess(closers: Closers): Promise<Access> {
  const folder = await closers.folder('bench');
  const database = await createTestDatabase();
  closers.add(() => database.close());
  const direct = new URL(database.url);
  const proxy = await startTcpProxy({ port: Number(direct.port), host: direct.hostname });
  closers.add(() => proxy.close());
  const proxied = new URL(database.url);
  proxied.port = String(proxy.port);
  proxied.hostname = '127.0.0.1';

  const secretFile = join(folder, 'secrets.json');
  const made = await runWayline(['admin', 'create-secret', secretFile]);
  if (made.code !== 0) throw new Error(`No secret could be made: ${made.stderr}`);
  const env = { ...IMAGE_ENV, WAYLINE_SECRET_FILE: secretFile, HOST: '127.0.0.1' };

  // It makes the tables, a project and a key; the key is as good for the other roles, which have the same secret.
  const dataDir = join(folder, 'first');
  const first = startWayline(['all'], {
    env: { ...env, DATABASE_URL: proxied.href, WAYLINE_DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'fatal' },
  });
  await first.waitForLine(READY, 60_000);
  const { writeKey } = JSON.parse(await readFile(join(dataDir, 'dev.json'), 'utf8')) as { writeKey: string };
  await first.end();

  return {
    folder,
    env,
    writeKey,
    database: { url: proxied.href, cut: () => proxy.cutAll(), resume: () => proxy.resume() },
  };
}
