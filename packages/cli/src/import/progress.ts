/** Where progress is shown: stderr, or what stands for it in a test. */
export interface ProgressOutput {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

export interface ProgressState {
  /** What is being done, e.g. `sending`. */
  phase: string;
  /** So many of what, in this phase. */
  done: number;
  unit: string;
  /** Of the phase's work, from 0 to 1; undefined where the whole is not known. */
  share: number | undefined;
}

export interface Progress {
  /** Writes a line that stays, such as a warning. */
  note(text: string): void;
  /** Shows the state once more where it is of use, and stops. */
  end(): void;
}

const TERMINAL_MS = 200;
const LINES_MS = 5_000;
const ERASE_LINE = '\r\u001b[K';

/**
 * Shows how far something is: on a terminal as one line that is written over, else as a line every few seconds.
 * @param state asked whenever it is shown
 */
export function showProgress(output: ProgressOutput, state: () => ProgressState): Progress {
  const terminal = output.isTTY === true;
  let phase: string | undefined;
  let phaseBegan = 0;

  function show(): void {
    const now = performance.now();
    const current = state();
    if (current.phase !== phase) {
      phase = current.phase;
      phaseBegan = now;
    }
    const text = progressLine(current, (now - phaseBegan) / 1000);
    output.write(terminal ? ERASE_LINE + text.slice(0, (output.columns ?? 80) - 1) : `${text}\n`);
  }

  const timer = setInterval(show, terminal ? TERMINAL_MS : LINES_MS);
  timer.unref();
  if (terminal) show();
  return {
    note(text) {
      output.write(`${terminal ? ERASE_LINE : ''}${text}\n`);
      if (terminal) show();
    },
    end() {
      clearInterval(timer);
      if (terminal) output.write(ERASE_LINE);
    },
  };
}

/** `sending: 5,000 events, 50 %, 8,300 events/s, 1 s left` */
export function progressLine({ phase, done, unit, share }: ProgressState, seconds: number): string {
  const parts = [`${done.toLocaleString('en')} ${unit}`];
  if (share !== undefined) parts.push(`${Math.floor(share * 100)} %`);
  if (seconds >= 0.5 && done > 0) {
    parts.push(`${Math.round(done / seconds).toLocaleString('en')} ${unit}/s`);
    if (share !== undefined && share > 0.01) parts.push(`${duration((seconds * (1 - share)) / share)} left`);
  }
  return `${phase}: ${parts.join(', ')}`;
}

/** `45 s`, `12 min`, `3 h 20 min` */
export function duration(seconds: number): string {
  if (seconds < 99.5) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
