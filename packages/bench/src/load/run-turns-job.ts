import { setTimeout as sleep } from 'node:timers/promises';
import { startClosedLoop } from './closed-loop.ts';
import { ConnectionPool } from './connection-pool.ts';
import { giveWay } from './give-way.ts';
import type { LoadAim, SentReport, WhileReport } from './load-job.ts';
import { finish, lastAnswers, measureWhile } from './measure-while.ts';
import { startOpenLoop } from './open-loop.ts';
import { prepareSender } from './prepare-sender.ts';

/** Two loads that take turns: as fast as it goes, and a multiple of that. */
export interface TurnsJob extends LoadAim {
  /** Of the load that is as fast as it goes. */
  connections: number;
  /** What is offered then, over the mean of what was acknowledged in the turns before in which it went as fast as it goes. */
  times: number;
  /** So many of those at most, the last ones. Default all. */
  latest?: number;
  /** Of the load that is offered; they are opened before the first turn, and kept as the others are. */
  maxConnections: number;
  /** Pairs of turns. */
  turns: number;
  /** Not measured: of the whole, and of each turn. */
  warmupSeconds: number;
  settlingSeconds: number;
  /** Of each turn, and of one of the load that is offered, where that is longer. */
  seconds: number;
  offeredSeconds?: number;
}

export interface TurnsReport extends SentReport {
  fully: WhileReport[];
  offered: WhileReport[];
}

/**
 * Makes them from this process, of one server, which has compiled what it needs for either: a machine that is not always as quick
 * is the same to both, the shorter the turns are.
 */
export async function runTurnsJob(job: TurnsJob): Promise<TurnsReport> {
  const { connections, times, latest = Number.POSITIVE_INFINITY, maxConnections, turns, yields = false } = job;
  const { warmupSeconds, settlingSeconds, seconds, offeredSeconds = seconds } = job;
  if (yields) await giveWay();
  const sender = prepareSender(job, 1);
  const closed = startClosedLoop(sender, { connections });
  await sleep(warmupSeconds * 1000);
  closed.stop();
  await lastAnswers(sender);
  const pool = new ConnectionPool(sender, maxConnections);
  await pool.fill();

  const fully: WhileReport[] = [];
  const offered: WhileReport[] = [];
  for (let turn = 0; turn < turns; turn++) {
    closed.resume();
    await sleep(settlingSeconds * 1000);
    fully.push(await measureWhile(sender, closed, job));

    const requestsPerSecond = times * acknowledgedPerSecond(fully.slice(-latest));
    const open = startOpenLoop(sender, { requestsPerSecond, pool }, (settlingSeconds * 1000) / 2);
    await sleep(settlingSeconds * 1000);
    offered.push(await measureWhile(sender, open, { ...job, seconds: offeredSeconds }));
  }
  return { fully, offered, ...(await finish(sender)) };
}

function acknowledgedPerSecond(reports: readonly WhileReport[]): number {
  const total = (of: (report: WhileReport) => number) => reports.reduce((sum, report) => sum + of(report), 0);
  return total(({ measured }) => measured.acknowledged) / total(({ seconds }) => seconds);
}
