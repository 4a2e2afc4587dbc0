import { execFile } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What figures of a benchmark depend on most. */
export interface Machine {
  cpus: number;
  model: string;
  memoryGb: number;
  system: string;
  node: string;
}

export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpus: all.length,
    model: all[0]?.model.trim() ?? 'unknown',
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    system: `${process.platform} ${release()}`,
    node: process.version,
  };
}

/** The commit that is checked out here, with a `+` where files differ from it; undefined where there is no git. */
export async function commitHere(): Promise<string | undefined> {
  const cwd = import.meta.dirname;
  try {
    const { stdout: hash } = await run('git', ['rev-parse', '--short', 'HEAD'], { cwd });
    const { stdout: changes } = await run('git', ['status', '--porcelain', '--untracked-files=no'], { cwd });
    return `${hash.trim()}${changes === '' ? '' : '+'}`;
  } catch {
    return undefined;
  }
}
