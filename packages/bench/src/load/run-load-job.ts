import { setTimeout as sleep } from 'node:timers/promises';
import { type Loop, startClosedLoop } from './closed-loop.ts';
import { ConnectionPool } from './connection-pool.ts';
import { giveWay } from './give-way.ts';
import type { LoadJob, LoadReport } from './load-job.ts';
import { finish, lastAnswers, measureWhile } from './measure-while.ts';
import { startOpenLoop } from './open-loop.ts';
import { prepareSender } from './prepare-sender.ts';
import type { Sender } from './sender.ts';

const WARMING_UP = { connections: 16 };

/** Makes a load, from this process. */
export async function runLoadJob(job: LoadJob): Promise<LoadReport> {
  const { shape, warmupSeconds, yields = false } = job;
  if (yields) await giveWay();
  const sender = prepareSender(job, shape.kind === 'closed' ? (shape.inFlight ?? 1) : 1);
  const loop = await start(sender, job);
  await sleep((warmupSeconds * 1000) / 2);
  const report = await measureWhile(sender, loop, job);
  return { ...report, ...(await finish(sender)) };
}

/**
 * The load, after half of the warming up. A server that has just been started cannot keep up with a fixed rate, and would
 * be measured with the queue of that time: it is first asked for no more than it can give, and half of what is left of the
 * warming up the rate grows.
 */
async function start(sender: Sender, { shape, warmupSeconds }: LoadJob): Promise<Loop> {
  const warmingUp = startClosedLoop(sender, shape.kind === 'closed' ? shape : WARMING_UP);
  await sleep((warmupSeconds * 1000) / 2);
  if (shape.kind === 'closed') return warmingUp;
  warmingUp.stop();
  await lastAnswers(sender);
  const { requestsPerSecond, maxConnections, opened = false } = shape;
  const pool = new ConnectionPool(sender, maxConnections);
  if (opened) await pool.fill();
  return startOpenLoop(sender, { requestsPerSecond, pool }, (warmupSeconds * 1000) / 4);
}
