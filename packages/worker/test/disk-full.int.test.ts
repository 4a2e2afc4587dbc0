import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { migrate } from '@wayline/store';
import { smallDisksPossible, startOnSmallDisk } from '@wayline/testkit';
import { many, startScene, until } from './worker-scene.ts';

const SERVER = JSON.stringify(new URL('../../postgres-server/dist/index.js', import.meta.url).href);
const DISK_BYTES = 48 * 1024 * 1024;

/** A PostgreSQL that sees the small disk; its own files and its WAL lie elsewhere. */
const PROGRAM = `
  import { mkdir } from 'node:fs/promises';
  import { startPostgresServer } from ${SERVER};
  const [, dataDir, disk] = process.argv;
  await mkdir(disk + '/space');
  const server = await startPostgresServer({ dataDir });
  process.on('SIGTERM', () => server.stop().then(() => process.exit(0)));
  console.log('at ' + server.connectionString('postgres'));
`;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
}, 60_000);

const possible = await smallDisksPossible();
if (!possible) process.stderr.write('SKIPPED: the full disk of PostgreSQL: no small disk can be mounted here\n');

(possible ? describe : describe.skip)('T13: when the disk of PostgreSQL is full', () => {
  test('disk full: events wait in the log, and are stored when there is room', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wayline-full-'));
    closers.push(() => rm(folder, { recursive: true, force: true }));
    const [dataDir, mount] = [join(folder, 'data'), join(folder, 'disk')];
    for (const made of [dataDir, mount]) await mkdir(made, { mode: 0o711 });
    const command = [process.execPath, '--input-type=module', '--eval', PROGRAM, dataDir, mount] as const;
    const disk = await startOnSmallDisk({ folder: mount, bytes: DISK_BYTES }, command);
    closers.push(() => disk.process.end());
    const [, server = ''] = await disk.process.waitForLine(/^at (.+)$/);
    const scene = await startScene();
    closers.push(() => scene.close());
    const superuser = scene.openPool(server);
    await superuser.query(`CREATE TABLESPACE small LOCATION '${join(mount, 'space')}'`);
    await superuser.query('CREATE DATABASE small TABLESPACE small');
    const url = server.replace('/postgres?', '/small?');
    await migrate({ url });
    const pool = scene.openPool(url);
    const stored = async () => Number((await pool.query('SELECT count(*) AS n FROM events')).rows[0].n);

    const events = many(10_000, { context: { pad: 'x'.repeat(1000) } });
    await scene.startWorker({ pool });
    await scene.append(events.slice(0, 200));
    await until('the first events', async () => (await stored()) === 200);
    await disk.occupy(DISK_BYTES).catch(() => undefined); // as much as there is
    await scene.append(events.slice(200));
    expect(await scene.untilTold('disk full')).toMatchObject({ level: 'error', fields: { err: { code: '53100' } } });
    await disk.release();
    await until('all events', async () => (await stored()) === 10_000);
    const { rows } = await pool.query(`SELECT sum(read)::int AS read, sum(stored)::int AS stored,
      (SELECT count(*) FROM dead_letters)::int AS dead FROM ledger`);
    expect(rows).toEqual([{ read: 10_000, stored: 10_000, dead: 0 }]);
  }, 120_000);
});
