import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { lastConnectionString } from '@wayline/postgres-server';
import { createPool, type Pool } from '@wayline/store';
import { startWayline, type TestProcess } from '@wayline/testkit';
import { dataFolder } from '../src/data-folder.ts';
import type { DevFile } from '../src/dev-file.ts';

const run = promisify(execFile);

/** A data folder of its own, and the `wayline all` started on it. */
export interface AllInOne {
  readonly folder: string;
  readonly dataDir: string;
  /** Starts, and resolves when it is ready. */
  start(env?: Record<string, string>): Promise<Running>;
  /** Starts, and does not wait. */
  launch(env?: Record<string, string>): TestProcess;
  /** Id of the PostgreSQL that was started last. */
  postgresPid(): Promise<number>;
  /** Connections to the database that was started last. */
  openPool(max: number): Promise<Pool>;
  /** Ends what is left, and removes the folder. */
  close(): Promise<void>;
}

export interface Running {
  process: TestProcess;
  dev: DevFile;
  /** What was printed, up to now. */
  printed(): string;
}

export async function createAllInOne(): Promise<AllInOne> {
  const folder = await mkdtemp(join(tmpdir(), 'wayline-all-'));
  const dataDir = join(folder, 'data');
  const started: TestProcess[] = [];

  function launch(env: Record<string, string> = {}): TestProcess {
    const process = startWayline(['all'], { cwd: folder, env: { PORT: '0', WAYLINE_DATA_DIR: dataDir, ...env } });
    started.push(process);
    return process;
  }

  return {
    folder,
    dataDir,
    launch,
    async start(env) {
      const process = launch(env);
      await process.waitForLine(/^Wayline is ready/);
      await process.waitForLine(/Stop with Ctrl-C/);
      const dev = JSON.parse(await readFile(join(dataDir, 'dev.json'), 'utf8')) as DevFile;
      return { process, dev, printed: () => process.stdout.join('\n') };
    },
    async postgresPid() {
      const lock = await readFile(join(dataDir, 'postgres', 'cluster', 'postmaster.pid'), 'utf8');
      return Number.parseInt(lock, 10);
    },
    async openPool(max) {
      const url = await lastConnectionString(dataFolder(dataDir).postgresFolder, 'postgres');
      return createPool({ url: url ?? '', max, applicationName: 'test' });
    },
    async close() {
      await Promise.all(started.map((process) => process.end()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Runs a line as a user would paste it into a shell, and answers with what it printed. */
export async function bash(line: string, cwd: string): Promise<string> {
  return (await run('bash', ['-euc', line], { cwd })).stdout;
}

/** The command lines of all processes that name a folder. */
export async function processesNaming(folder: string): Promise<string[]> {
  const { stdout } = await run('ps', ['-ww', '-eo', 'pid=,args=']);
  return stdout.split('\n').filter((line) => line.includes(folder));
}
