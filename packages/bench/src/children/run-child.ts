import { once } from 'node:events';
import { runAppendJob } from '../load/run-append-job.ts';
import { runCopyJob } from '../load/run-copy-job.ts';
import { runFeedJob } from '../load/run-feed-job.ts';
import { runFillJob } from '../load/run-fill-job.ts';
import { runLoadJob } from '../load/run-load-job.ts';
import { runProbeJob } from '../load/run-probe-job.ts';
import { runTurnsJob } from '../load/run-turns-job.ts';
import { startBareServer } from '../servers/bare-server.ts';
import { startObviousServer } from '../servers/obvious-server.ts';
import type { ChildJobs, ChildKind } from './child-process.ts';

type Work = { [Kind in ChildKind]: (job: ChildJobs[Kind]['job']) => Promise<ChildJobs[Kind]['answer']> };

const WORK: Work = {
  load: runLoadJob,
  turns: runTurnsJob,
  append: runAppendJob,
  fill: runFillJob,
  feed: runFeedJob,
  copy: runCopyJob,
  probe: runProbeJob,
  bare: startBareServer,
  obvious: startObviousServer,
};

/** Does the one job that comes over the channel, answers with what came of it, and lives as long as the channel. */
export async function runChild(kind: string | undefined): Promise<void> {
  if (!kind || !Object.hasOwn(WORK, kind)) throw new Error(`There is no part of a benchmark named ${kind}`);
  process.once('disconnect', () => process.exit());
  const [job] = await once(process, 'message');
  const work = WORK[kind as ChildKind] as (job: unknown) => Promise<unknown>;
  process.send?.(await work(job));
}
