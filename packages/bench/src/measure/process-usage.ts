import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const MICROS_PER_TICK = 10_000; // USER_HZ is 100 wherever Linux runs Node.js

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

/** Of /proc/PID/stat, what stands behind the name: from the state on. */
function statFields(pid: number): string[] | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

const micros = (...ticks: (string | undefined)[]): number =>
  ticks.reduce((sum, value) => sum + Number(value), 0) * MICROS_PER_TICK;

/** User and system time of a process with all its threads, µs; undefined where there is no /proc, or no such process. */
export function cpuMicros(pid: number): number | undefined {
  const fields = statFields(pid);
  return fields && micros(fields[11], fields[12]);
}

/** The same of a process and all below it, also those that have ended: for a server of many processes. */
export function treeCpuMicros(root: number): number | undefined {
  if (read(`/proc/${root}/stat`) === undefined) return undefined;
  const children = new Map<number, number[]>();
  const used = new Map<number, number>();
  for (const pid of readdirSync('/proc').map(Number).filter(Number.isInteger)) {
    const fields = statFields(pid);
    if (!fields) continue; // it has ended meanwhile
    used.set(pid, micros(fields[11], fields[12], fields[13], fields[14])); // the latter two of children that have ended
    const parent = Number(fields[1]);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  let sum = 0;
  for (const left = [root]; left.length > 0; ) {
    const pid = left.pop() as number;
    sum += used.get(pid) ?? 0;
    left.push(...(children.get(pid) ?? []));
  }
  return sum;
}

/** Of two readings; undefined where one of them is. */
export const difference = (after: number | undefined, before: number | undefined): number | undefined =>
  after === undefined || before === undefined ? undefined : after - before;

function statusMb(pid: number, name: string): number | undefined {
  const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(read(`/proc/${pid}/status`) ?? '')?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
}

/** Resident memory now, MiB. */
export const rssMb = (pid: number): number | undefined => statusMb(pid, 'VmRSS');

/** The most that was resident since the process began, or since `forgetPeak`, MiB. */
export const peakRssMb = (pid: number): number | undefined => statusMb(pid, 'VmHWM');

/** Where the system allows it; else the peak stays that since the process began. */
export function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // another user's process, or no Linux
  }
}
