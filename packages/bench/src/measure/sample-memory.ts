import { median } from './median.ts';
import { rssMb } from './process-usage.ts';

/** How the resident memory of a process went, MiB. */
export interface MemoryCourse {
  /** Medians of the first and of the last third. */
  firstMb: number;
  lastMb: number;
  maxMb: number;
  /** Of a straight line through all samples. */
  mbPerMinute: number;
}

/** Samples the memory of a process until it is stopped; none where it cannot be seen. */
export function sampleMemory(pid: number, everyMs: number): { stop(): MemorySample[] } {
  const samples: MemorySample[] = [];
  const timer = setInterval(() => {
    const mb = rssMb(pid);
    if (mb !== undefined) samples.push({ minute: performance.now() / 60_000, mb });
  }, everyMs);
  return {
    stop() {
      clearInterval(timer);
      return samples;
    },
  };
}

export interface MemorySample {
  /** Of the clock of the process that looked. */
  minute: number;
  mb: number;
}

/**
 * Undefined of fewer than three.
 * @param samples in the order of time; there may be whiles between them in which nobody looked
 */
export function memoryCourse(samples: readonly MemorySample[]): MemoryCourse | undefined {
  if (samples.length < 3) return undefined;
  const mbs = samples.map(({ mb }) => mb);
  const third = Math.floor(samples.length / 3);
  return {
    firstMb: median(mbs.slice(0, third)),
    lastMb: median(mbs.slice(-third)),
    maxMb: Math.max(...mbs),
    mbPerMinute: slope(samples),
  };
}

/** By least squares. */
function slope(samples: readonly MemorySample[]): number {
  const meanMinute = mean(samples.map(({ minute }) => minute));
  const meanMb = mean(samples.map(({ mb }) => mb));
  let above = 0;
  let below = 0;
  for (const { minute, mb } of samples) {
    above += (minute - meanMinute) * (mb - meanMb);
    below += (minute - meanMinute) ** 2;
  }
  return below === 0 ? 0 : above / below;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
