import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadJob, LoadReport } from '../load/load-job.ts';
import type { AppendJob, AppendReport } from '../load/run-append-job.ts';
import type { CopyJob, CopyReport } from '../load/run-copy-job.ts';
import type { FeedJob } from '../load/run-feed-job.ts';
import type { FillJob, LogContent } from '../load/run-fill-job.ts';
import type { ProbeJob, ProbeReport } from '../load/run-probe-job.ts';
import type { TurnsJob, TurnsReport } from '../load/run-turns-job.ts';

/** What each kind of child is told, and answers. */
export interface ChildJobs {
  load: { job: LoadJob; answer: LoadReport };
  turns: { job: TurnsJob; answer: TurnsReport };
  append: { job: AppendJob; answer: AppendReport };
  fill: { job: FillJob; answer: LogContent };
  feed: { job: FeedJob; answer: { begun: true } };
  copy: { job: CopyJob; answer: CopyReport };
  probe: { job: ProbeJob; answer: ProbeReport };
  bare: { job: Record<string, never>; answer: { port: number } };
  obvious: { job: { brokers: readonly string[]; topic: string }; answer: { port: number } };
}

export type ChildKind = keyof ChildJobs;

export interface Child<Answer> {
  pid: number;
  answer: Answer;
  stop(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL('../../bin/child.js', import.meta.url));

/**
 * Starts a part of the benchmark as a process; resolves when it has answered. It ends when it is stopped, or we end. Like a
 * service, it has a session of its own: see `startProcess`.
 */
export async function startChild<Kind extends ChildKind>(
  kind: Kind,
  job: ChildJobs[Kind]['job'],
): Promise<Child<ChildJobs[Kind]['answer']>> {
  const child = fork(PROGRAM, [kind], {
    execArgv: [],
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  child.send(job);
  const answer = await Promise.race([
    once(child, 'message').then(([message]) => message as ChildJobs[Kind]['answer']),
    exited.then(([code, signal]) => {
      throw new Error(`The ${kind} process ended (${signal ?? code}) before it answered`);
    }),
  ]);
  return {
    pid: child.pid as number,
    answer,
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** A child that has done its work when it answers. */
export async function runInChild<Kind extends ChildKind>(
  kind: Kind,
  job: ChildJobs[Kind]['job'],
): Promise<ChildJobs[Kind]['answer']> {
  const child = await startChild(kind, job);
  await child.stop();
  return child.answer;
}
