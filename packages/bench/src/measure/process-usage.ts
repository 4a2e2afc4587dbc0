import { readFileSync, writeFileSync } from 'node:fs';

const MICROS_PER_TICK = 10_000; // USER_HZ is 100 wherever Linux runs Node.js

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

/** User and system time of a process with all its threads, µs; undefined where there is no /proc, or no such process. */
export function cpuMicros(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MICROS_PER_TICK;
}

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
